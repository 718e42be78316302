"""Every trap that touches rendering or training, how to fall into it again, and the tests that notice.

The texts stand in the files as they are: whoever changes such a line changes it here too, and `tests/traps` says so.
"""

from __future__ import annotations

from traps.put_back import PutBack, put

_FAMILIES = "tests/lora/test_families.py"
_DIRECTION = f"{_FAMILIES}::TestDirection::test_samples_come_nearer"
_ASKED = f"{_FAMILIES}::TestAskedAsThePipelineAsks::test_for_a_whole_clip"
_NORMALISED = f"{_FAMILIES}::TestAskedAsThePipelineAsks::test_latents_are_normalised_as_the_decoder_undoes_it"
_OWN_RANGE = f"{_FAMILIES}::TestTwoExperts::test_each_learns_only_where_it_works[t2v-a14b]"
_PROOF = "tests/lora/test_proof.py"
_LORAS = "tests/video_models/test_loras.py"
_WAN = "tests/video_models/test_wan.py"
_A14B = "tests/video_models/test_wan_a14b.py"
_HUNYUAN = "tests/video_models/test_hunyuan.py"
_MOCHI = "tests/video_models/test_mochi.py"
_LTX = "tests/video_models/test_ltx.py"
_SECOND = "tests/video_models/test_ltx_upscale.py"
_SINGLE = "tests/video_models/test_single_file.py"

_LOADING = "filmforge/video_models/loras.py"
_TRAINING = "filmforge/lora/train.py"
_UPSCALING = "filmforge/video_models/ltx_upscale.py"
_ONE_FILE = "filmforge/video_models/single_file.py"

_ALPHA = (
    put(
        "1",
        "a LoRA's file does not say its alpha",
        ("filmforge/lora/files.py", "        ADAPTER_METADATA: json.dumps(prefixed, sort_keys=True),\n", ""),
        f"{_PROOF}::test_a_plain_pipeline_loads_it_with_the_same_effect",
    ),
    put(
        "1",
        "a LoRA is loaded with its rank as alpha, and the check of its scale is gone",
        (
            "filmforge/video_models/lora_reading.py",
            '        "lora_alpha": alpha,\n',
            '        "lora_alpha": rank,\n',
        ),
        (_LOADING, "if not math.isclose(scale, pairs[module].scale, rel_tol=1e-6):", "if False:"),
        f"{_LORAS}::TestStrength::test_alpha_counts",
    ),
    put(
        "1",
        "the alpha that other tools keep beside each module is passed over",
        ("filmforge/video_models/lora_reading.py", "    if stored is not None:\n", "    if False:\n"),
        "tests/video_models/test_lora_formats.py::TestEffect::test_musubi_tuner",
    ),
    put(
        "1",
        "the proof does not hold the file against the trainer's own picture",
        ("filmforge/lora/proof.py", "    if preview is not None:\n", "    if False:\n"),
        f"{_PROOF}::test_a_picture_that_is_not_the_trainer_s_is_told",
    ),
)

_PREFIX = (
    put(
        "2",
        "a LoRA is written without `transformer.` before its keys",
        ("filmforge/lora/files.py", 'f"{expert}.{key}": value.to(dtype)', 'f"{key}": value.to(dtype)'),
        f"{_PROOF}::test_a_plain_pipeline_loads_it_with_the_same_effect",
    ),
    put(
        "2",
        "a LoRA is loaded under a prefix that its keys have not, and neither warning nor modules are looked at",
        (_LOADING, "prefix=None,", 'prefix="transformer",'),
        (_LOADING, "with runtime.warnings_are_errors(LoraError, where):", "if True:"),
        (_LOADING, "                _check_took_hold(expert, name, pairs, where)\n", ""),
        f"{_LORAS}::TestStrength::test_a_lora_acts_by_its_weight",
    ),
    put(
        "2",
        "the proof does not ask whether any lora_B is more than zero",
        ("filmforge/lora/proof.py", "if not any(value.any() for value in own):", "if False:"),
        f"{_PROOF}::test_one_that_learned_nothing_is_not",
    ),
    put(
        "2",
        "the proof does not ask whether a picture changes",
        ("filmforge/lora/proof.py", "if not change > _LEAST_CHANGE:", "if False:"),
        f"{_PROOF}::test_one_that_learned_nothing_is_not",
    ),
)

_EXPERTS = (
    put(
        "3",
        "a LoRA of one transformer is put on the high-noise expert alone",
        (
            _LOADING,
            "return {name: common for name in self._experts if only in (None, name)}",
            'return {"transformer": common}',
        ),
        f"{_A14B}::TestLoras::test_both_experts_have_it",
    ),
    put(
        "3",
        "of a LoRA with two parts only the high-noise expert's is put on",
        (
            _LOADING,
            "for name, pairs in parts.items() if name is not None}",
            'for name, pairs in parts.items() if name == "transformer"}',
        ),
        f"{_DIRECTION}[t2v-a14b]",
    ),
    put(
        "3",
        "both experts are trained at all noise levels",
        (
            "filmforge/video_models/wan_training.py",
            '{"transformer": (boundary, 1.0), "transformer_2": (0.0, boundary)}',
            '{"transformer": (0.0, 1.0), "transformer_2": (0.0, 1.0)}',
        ),
        _OWN_RANGE,
    ),
    *(
        put(
            "3",
            f"the experts' noise levels are swapped in training ({name})",
            (
                "filmforge/video_models/wan_training.py",
                '{"transformer": (boundary, 1.0), "transformer_2": (0.0, boundary)}',
                '{"transformer": (0.0, boundary), "transformer_2": (boundary, 1.0)}',
            ),
            f"{_DIRECTION}[{name}]",
        )
        for name in ("t2v-a14b", "i2v-a14b")
    ),
    put(
        "3",
        "the experts' parts are swapped in what is written",
        (
            _TRAINING,
            "        trained[expert], curves[expert] = _train_expert(",
            "        trained[list(ranges)[~list(ranges).index(expert)]], curves[expert] = _train_expert(",
        ),
        f"{_DIRECTION}[t2v-a14b]",
    ),
    put(
        "3",
        "the experts are swapped in sampling",
        (
            "filmforge/video_models/wan_a14b.py",
            "experts = {name: self.expert(name) for name in self.experts}",
            "experts = dict(zip(self.experts, (self.expert(n) for n in reversed(self.experts))))",
        ),
        f"{_A14B}::TestText::test_it_is_what_the_pipeline_makes",
    ),
    put(
        "3",
        "the low-noise expert is sampled with the guidance of the other",
        (
            "filmforge/video_models/wan_a14b.py",
            '{"guidance_scale_2": given["guidance_low"]}',
            "{}",
        ),
        f"{_A14B}::TestText::test_it_is_what_the_pipeline_makes",
    ),
    put(
        "4",
        "the boundary in training is 0.417, a share of a schedule's places",
        (
            "filmforge/video_models/wan_training.py",
            "boundary = self.model.facts.boundary",
            "boundary = 0.417",
        ),
        _OWN_RANGE,
    ),
    put(
        "4",
        "the boundary in sampling is 0.417",
        ("filmforge/video_models/wan_a14b.py", '"boundary": self.facts.boundary,', '"boundary": 0.417,'),
        f"{_A14B}::TestText::test_each_expert_has_its_range",
    ),
)

_VELOCITY = (
    put(
        "5",
        "Mochi's target is noise - data (mochi)",
        ("filmforge/video_models/mochi_training.py", "return latents - noise", "return noise - latents"),
        f"{_DIRECTION}[mochi]",
    ),
    *(
        put(
            "5",
            f"the target is data - noise, as Mochi's ({name})",
            ("filmforge/video_models/flow.py", "return noise - latents", "return latents - noise"),
            f"{_DIRECTION}[{name}]",
        )
        for name in ("pocket", "5b", "ltx", "ltx-0.9.5", "t2v-a14b", "i2v-a14b", "hunyuan")
    ),
    *(
        put(
            "5",
            f"the target is the data, and no velocity ({name})",
            ("filmforge/video_models/flow.py", "return noise - latents", "return latents"),
            f"{_DIRECTION}[{name}]",
        )
        for name in ("pocket", "5b", "ltx", "ltx-0.9.5", "t2v-a14b", "i2v-a14b", "hunyuan")
    ),
    put(
        "5",
        "Mochi's target is the data, and no velocity",
        ("filmforge/video_models/mochi_training.py", "return latents - noise", "return latents"),
        f"{_FAMILIES}::TestTarget::test_it_leads_from_noise_to_the_clip[mochi]",
    ),
    put(
        "5",
        "Mochi is told in training how noisy its input is, not how clean",
        (
            "filmforge/video_models/mochi_training.py",
            "timestep=(1 - sigmas) * TRAINING_TIMESTEPS",
            "timestep=sigmas * TRAINING_TIMESTEPS",
        ),
        f"{_ASKED}[mochi]",
    ),
    *(
        put(
            "5",
            f"{who} is told in training how clean its input is, as Mochi",
            (f"filmforge/video_models/{module}.py", old, new),
            f"{_ASKED}[{name}]",
        )
        for who, module, old, new, name in (
            (
                "Wan",
                "wan_training",
                "steps = sigmas * TRAINING_TIMESTEPS",
                "steps = (1 - sigmas) * TRAINING_TIMESTEPS",
                "t2v-a14b",
            ),
            (
                "Hunyuan",
                "hunyuan_training",
                "timestep=sigmas * TRAINING_TIMESTEPS",
                "timestep=(1 - sigmas) * TRAINING_TIMESTEPS",
                "hunyuan",
            ),
            (
                "LTX",
                "ltx_training",
                "(sigmas * TRAINING_TIMESTEPS).view(-1, 1)",
                "((1 - sigmas) * TRAINING_TIMESTEPS).view(-1, 1)",
                "ltx",
            ),
        )
    ),
    put(
        "5",
        "a scheduler without invert_sigmas is sampled with",
        (
            "filmforge/video_models/mochi.py",
            'if not self.config("scheduler").get("invert_sigmas"):',
            "if False:",
        ),
        f"{_MOCHI}::test_a_scheduler_that_is_not_reversed_is_refused",
    ),
    put(
        "5",
        "the tests' own scheduler leaves invert_sigmas out, as diffusers' does",
        ("tests/video_models/tiny.py", "inverted: bool = True", "inverted: bool = False"),
        f"{_MOCHI}::test_levels_run_upwards",
    ),
    put(
        "5",
        "Mochi's noise levels are drawn logit-normal",
        ("filmforge/video_models/known.py", '        sampling="uniform",\n', ""),
        f"{_FAMILIES}::TestLevels::test_they_are_spread_as_the_family_s_are[mochi-500.0-uniform]",
    ),
)

_TEXT = (
    put(
        "6",
        "Hunyuan is trained with the guidance of sampling, 6",
        ("filmforge/video_models/hunyuan_training.py", "GUIDANCE = 1.0", "GUIDANCE = 6.0"),
        f"{_ASKED}[hunyuan]",
    ),
    put(
        "6",
        "Hunyuan's guidance goes in as it is, not x 1000",
        ("filmforge/video_models/hunyuan_training.py", "dtype=dtype) * 1000.0,", "dtype=dtype),"),
        f"{_ASKED}[hunyuan]",
    ),
    put(
        "6",
        "Hunyuan is sampled with the guidance of training, 1",
        ("filmforge/video_models/hunyuan.py", '"guidance_scale": guidance,', '"guidance_scale": 1.0,'),
        f"{_HUNYUAN}::TestText::test_it_is_what_the_pipeline_makes",
    ),
    put(
        "7",
        "Wan's prompts are embedded at 226 tokens, as encode_prompt has it",
        (
            "filmforge/video_models/wan.py",
            "            max_sequence_length=self.facts.text_length,\n",
            "",
        ),
        f"{_WAN}::TestEncode::test_embeddings_have_the_family_length_and_end_in_zeros[big]",
    ),
    put(
        "7",
        "past a prompt's end Wan's embedding is not zero",
        (
            "filmforge/video_models/wan.py",
            'return {"embeds": embeds[0]}',
            'return {"embeds": embeds[0] + (embeds[0] == 0) * 0.01}',
        ),
        f"{_WAN}::TestEncode::test_embeddings_have_the_family_length_and_end_in_zeros[pocket]",
    ),
    put(
        "7",
        "text encoders are asked as in training, with dropout",
        (
            "filmforge/video_models/model.py",
            "return found.eval() if part in self.text_encoders else found",
            "return found.train() if part in self.text_encoders else found",
        ),
        f"{_WAN}::TestEncode::test_it_is_what_the_pipeline_would_embed",
    ),
)

_WAN_ENCODES = "latents: Tensor = (self.vae.encode(video).latent_dist.mode() - mean) * (1.0 / std)"
_WAN_ENCODES_RAW = "latents: Tensor = self.vae.encode(video).latent_dist.mode()"
_SCALED = "self.vae.latents_mean, self.vae.latents_std, self.vae.config.scaling_factor"
_UNSCALED = "self.vae.latents_mean, self.vae.latents_std"

_NORMALISATION = (
    *(
        put(
            "8",
            f"Wan's latents are trained on as the autoencoder gives them ({name})",
            ("filmforge/video_models/wan.py", _WAN_ENCODES, _WAN_ENCODES_RAW),
            f"{test}[{name}]",
        )
        for test, name in (
            (_NORMALISED, "pocket"),
            (_DIRECTION, "pocket"),
            (_DIRECTION, "5b"),
            (_DIRECTION, "t2v-a14b"),
            (_DIRECTION, "i2v-a14b"),
        )
    ),
    put(
        "8",
        "Wan's latents are decoded without their deviation",
        (
            "filmforge/video_models/wan.py",
            "self.vae.decode(data / (1.0 / std) + mean,",
            "self.vae.decode(data + mean,",
        ),
        f"{_NORMALISED}[5b]",
        f"{_NORMALISED}[pocket]",
    ),
    put(
        "8",
        "the picture that A14B's image to video starts from goes in as the autoencoder gives it",
        ("filmforge/video_models/wan_a14b.py", _WAN_ENCODES, _WAN_ENCODES_RAW),
        f"{_FAMILIES}::TestTwoExperts::test_a_photo_is_not_given_to_weights_of_image_to_video",
    ),
    *(
        put(
            "8",
            "Hunyuan's latents are trained on without their scale",
            (
                "filmforge/video_models/hunyuan.py",
                "latents: Tensor = found * self.vae.config.scaling_factor",
                "latents: Tensor = found",
            ),
            f"{test}[hunyuan]",
        )
        for test in (_NORMALISED, _DIRECTION)
    ),
    put(
        "8",
        "Hunyuan's latents are decoded with their scale",
        ("filmforge/video_models/hunyuan.py", "data / self.vae.config.scaling_factor", "data"),
        f"{_HUNYUAN}::TestText::test_it_is_what_the_pipeline_makes",
    ),
    *(
        put(
            "8",
            f"Mochi's latents are trained on without {lost}",
            (
                "filmforge/video_models/mochi.py",
                "(found - mean) * self.vae.config.scaling_factor / std",
                wrong,
            ),
            f"{test}[mochi]",
        )
        for test, lost, wrong in (
            (_NORMALISED, "their scale", "(found - mean) / std"),
            (_NORMALISED, "their mean", "found * self.vae.config.scaling_factor / std"),
            (_DIRECTION, "mean, deviation and scale", "found"),
        )
    ),
    put(
        "8",
        "Mochi's latents are decoded without their scale",
        (
            "filmforge/video_models/mochi.py",
            "data * std / self.vae.config.scaling_factor + mean",
            "data * std + mean",
        ),
        f"{_MOCHI}::test_it_is_what_the_pipeline_makes",
    ),
    *(
        put("8", what, ("filmforge/video_models/ltx.py", old, new), test)
        for what, old, new, test in (
            (
                "LTX's latents are trained on without their scale",
                f"found, {_SCALED}",
                f"found, {_UNSCALED}",
                f"{_NORMALISED}[ltx]",
            ),
            (
                "LTX's latents are trained on as the autoencoder gives them",
                "return latents[0].cpu().contiguous()",
                "return found[0].cpu().contiguous()",
                f"{_DIRECTION}[ltx]",
            ),
            (
                "LTX's latents are trained on as the autoencoder gives them (from 0.9.5)",
                "return latents[0].cpu().contiguous()",
                "return found[0].cpu().contiguous()",
                f"{_DIRECTION}[ltx-0.9.5]",
            ),
            (
                "LTX's latents are decoded without their scale",
                f"data, {_SCALED}",
                f"data, {_UNSCALED}",
                f"{_LTX}::TestLater::test_it_is_what_the_pipeline_makes",
            ),
        )
    ),
)

_LTX_TRAINING = "filmforge/video_models/ltx_training.py"

_LTX_TRAPS = (
    put(
        "9",
        "LTX's latents are packed in another order in training",
        (
            _LTX_TRAINING,
            "LTXPipeline._pack_latents(noisy, *patches)",
            "LTXPipeline._pack_latents(noisy.transpose(2, 4), *patches)",
        ),
        f"{_ASKED}[ltx]",
    ),
    put(
        "9",
        "LTX is trained without rope_interpolation_scale",
        (_LTX_TRAINING, '                "rope_interpolation_scale": scale,\n', ""),
        f"{_ASKED}[ltx]",
    ),
    put(
        "9",
        "LTX's positions in training count frames, not seconds (0.9.0, 0.9.1)",
        (_LTX_TRAINING, "scale = (time / rate, side, side)", "scale = (time, side, side)"),
        f"{_ASKED}[ltx]",
    ),
    put(
        "9",
        "LTX's positions in training count frames, not seconds (from 0.9.5)",
        (_LTX_TRAINING, "        places[:, 0] = places[:, 0] / rate\n", ""),
        f"{_ASKED}[ltx-0.9.5]",
    ),
    put(
        "9",
        "in training LTX attends to padding",
        (
            _LTX_TRAINING,
            'encoder_attention_mask=text["mask"],',
            'encoder_attention_mask=text["mask"] | True,',
        ),
        f"{_ASKED}[ltx]",
    ),
    put(
        "9",
        "in sampling LTX attends to padding",
        ("filmforge/video_models/ltx.py", '"mask": mask[0]}', '"mask": mask[0] | True}'),
        f"{_LTX}::TestByTokens::test_it_is_what_the_pipeline_makes",
    ),
    put(
        "9",
        "in training the tokens of a given first frame have the timestep of the others",
        (_LTX_TRAINING, "if not given.any():", "if True:"),
        f"{_FAMILIES}::TestAskedAsThePipelineAsks::test_ltx_for_a_given_first_frame",
    ),
    put(
        "9",
        "LTX's noise levels in training are not shifted by tokens",
        (_LTX_TRAINING, "return math.exp(mean)", "return declared"),
        f"{_FAMILIES}::TestLevels::test_ltx_shifts_by_tokens",
    ),
    put(
        "9",
        "LTX is sampled at another frame rate",
        ("filmforge/video_models/ltx.py", '"frame_rate": float(self.facts.fps),', '"frame_rate": 24.0,'),
        f"{_LTX}::TestByTokens::test_it_is_what_the_pipeline_makes",
    ),
    put(
        "9",
        "LTX is decoded at timestep 0",
        ("filmforge/video_models/ltx.py", 'torch.tensor([given["decode_timestep"]]', "torch.tensor([0.0]"),
        f"{_LTX}::TestLater::test_it_is_what_the_pipeline_makes",
    ),
)

_RATES = (
    put(
        "10",
        "clips are trained on at 24 frames a second, whatever the family",
        (
            "filmforge/lora/pictures.py",
            "_at_rate(path, facts.fps, _WINDOWS",
            "_at_rate(path, Fraction(24), _WINDOWS",
        ),
        "tests/lora/test_dataset.py::TestClips::test_a_clip_is_sampled_at_the_family_s_rate",
    ),
    put(
        "10",
        "shots are written at 24 frames a second, whatever the family",
        (
            "filmforge/steps/render.py",
            "(width, height), model.facts.fps) as writer",
            "(width, height), Fraction(24)) as writer",
        ),
        "tests/steps/test_render.py::test_frames_have_the_model_s_rate",
    ),
    put(
        "10",
        "Mochi's rate is taken for 24",
        ("filmforge/video_models/known.py", "fps=Fraction(30),", "fps=Fraction(24),"),
        "tests/video_models/test_facts.py::test_native_rates",
    ),
)

_PRECISION = (
    put(
        "11",
        "the whole transformer is cast, and what diffusers keeps in fp32 with it (5B)",
        (
            "filmforge/video_models/model.py",
            "how).requires_grad_(False).eval()\n            quantizing",
            "how).requires_grad_(False).eval().to(self.dtype)\n            quantizing",
        ),
        f"{_WAN}::TestLoad::test_parts_stay_in_the_precision_they_need",
    ),
    put(
        "11",
        "the whole transformer is cast (A14B, both experts)",
        (
            "filmforge/video_models/model.py",
            "how).requires_grad_(False).eval()\n            quantizing",
            "how).requires_grad_(False).eval().to(self.dtype)\n            quantizing",
        ),
        f"{_A14B}::test_sensitive_modules_stay_in_fp32",
    ),
    put(
        "11",
        "a transformer from one file is cast whole, as from_single_file casts it",
        (
            _ONE_FILE,
            'value.to(torch.float32 if any(part in kept for part in name.split(".")) else dtype)',
            "value.to(dtype)",
        ),
        f"{_SINGLE}::TestLoading::test_precisions_are_the_folder_s",
    ),
    put(
        "11",
        "what of a GGUF stays in fp32 is left packed, and computed in the declared precision",
        (_ONE_FILE, ' and not any(part in kept for part in name.split("."))', ""),
        f"{_SINGLE}::TestLoading::test_types_of_gguf[Q8_0]",
    ),
    put(
        "11",
        "Wan's autoencoder is in the declared precision",
        ("filmforge/video_models/model.py", "        return torch.float32\n", "        return self.dtype\n"),
        f"{_WAN}::TestLoad::test_parts_stay_in_the_precision_they_need",
    ),
    put(
        "12",
        "a LoRA is trained in the base's precision",
        (
            _TRAINING,
            "    cast_training_params(transformer, torch.float32)\n",
            "    cast_training_params(transformer, transformer.dtype)\n",
        ),
        "tests/lora/test_train.py::TestModelAfterwards::test_adapters_train_in_fp32_on_a_bf16_base",
    ),
)

_DATASET = "tests/lora/test_step.py::TestDataSet::test_it_is_known_by_all_that_decides_it"

_KEYS = (
    *(
        put(
            "13",
            f"a prepared data set is not known by {lost}",
            ("filmforge/steps/lora.py", f'        "{key}": {value},\n', ""),
            _DATASET,
        )
        for lost, key, value in (
            ("its captions", "captions", "captions"),
            ("its size", "size", "list(training.size)"),
            ("its frames", "frames", "training.frames"),
            ("its weights, autoencoder and text encoder among them", "model", 'params["model"]'),
            ("its photos", "photos", "[work.digests[role] for role in sorted(work.digests)]"),
        )
    ),
    put(
        "13",
        "a text's embedding is not known by the weights of its encoder",
        (
            "filmforge/steps/models.py",
            '{"model": work.params["model"], "text": text, **seen}',
            '{"text": text, **seen}',
        ),
        "tests/steps/test_render.py::test_texts_are_known_by_their_words_and_the_encoder_s_weights",
    ),
    put(
        "13",
        "sampled latents are not known by the files that went in",
        ("filmforge/steps/render.py", '"inputs": work.digests, **after', "**after"),
        "tests/steps/test_render.py::test_latents_are_known_by_all_that_decides_them",
    ),
    put(
        "13",
        "the digest of weights leaves the autoencoder out",
        (
            "filmforge/video_models/weights.py",
            "for component in sorted(components):",
            'for component in sorted(set(components) - {"vae"}):',
        ),
        "tests/video_models/test_weights.py::test_the_digest_is_of_what_decides_pictures",
    ),
)

_DIFFUSERS = (
    *(
        put(
            "frames",
            f"{who} makes fewer frames than are asked for, without a word",
            ("filmforge/video_models/model.py", "if not self.facts.is_legal_length(frames):", "if False:"),
            test,
        )
        for who, test in (
            ("Wan", f"{_WAN}::TestSample::test_nothing_is_rounded"),
            ("Hunyuan", f"{_HUNYUAN}::TestRefused::test_nothing_is_rounded"),
            ("Mochi", f"{_MOCHI}::test_nothing_is_rounded_or_left_out"),
            ("LTX", f"{_LTX}::TestRefused::test_nothing_is_rounded_or_left_out"),
        )
    ),
    put(
        "size",
        "sizes off the multiple are handed to diffusers, which rounds Wan's",
        ("filmforge/video_models/model.py", "if not self.facts.legal_size(size):", "if False:"),
        f"{_WAN}::TestSample::test_nothing_is_rounded",
    ),
    put(
        "size",
        "sizes that Mochi's patches do not divide are handed to diffusers, which asks for multiples of 8 only",
        ("filmforge/video_models/model.py", "if not self.facts.legal_size(size):", "if False:"),
        f"{_MOCHI}::test_nothing_is_rounded_or_left_out",
    ),
    put(
        "shift",
        "A14B is sampled with the shift that its weights store",
        (
            "filmforge/video_models/wan.py",
            "        if shift is None:\n            return self.scheduler()",
            "        if True:\n            return self.scheduler()",
        ),
        f"{_A14B}::TestText::test_it_is_what_the_pipeline_makes",
    ),
    put(
        "shift",
        "a family is trained at levels without its shift",
        ("filmforge/lora/train.py", "shift=facts.shift or 1.0,", "shift=1.0,"),
        f"{_FAMILIES}::TestLevels::test_they_are_spread_as_the_family_s_are",
    ),
    put(
        "targets",
        "Hunyuan's LoRA is put on the token refiner too",
        (
            "filmforge/video_models/known.py",
            r'r"(transformer_blocks|single_transformer_blocks)\.\d+\.attn"',
            r'r".*\.attn"',
        ),
        f"{_FAMILIES}::TestTargets::test_only_what_the_facts_name",
    ),
    put(
        "dora",
        "the scales of a DoRA are passed over",
        (
            "filmforge/video_models/lora_keys.py",
            're.compile(r"dora_scale|lora_magnitude_vector"),',
            're.compile(r"no such thing"),',
        ),
        f"{_LORAS}::TestRefused::test_dora",
    ),
    put(
        "start",
        "in training the tokens of Wan's given first frame have the timestep of the others",
        ("filmforge/video_models/wan_training.py", "if not given.any():", "if True:"),
        "tests/video_models/test_wan_training.py::TestTimesteps::test_tokens_of_a_given_frame_stand_at_0",
    ),
    put(
        "start",
        "A14B's image to video is trained with the given frame before the noise",
        (
            "filmforge/video_models/wan_training.py",
            "noisy = torch.cat([noisy, condition], dim=1)",
            "noisy = torch.cat([condition, noisy], dim=1)",
        ),
        f"{_ASKED}[i2v-a14b]",
    ),
    put(
        "start",
        "A14B's image to video is trained with the mask behind the given frame",
        (
            "filmforge/video_models/wan_a14b.py",
            "torch.cat([mask, latents], dim=1)",
            "torch.cat([latents, mask], dim=1)",
        ),
        f"{_FAMILIES}::TestTwoExperts::test_a_photo_is_not_given_to_weights_of_image_to_video",
    ),
    put(
        "start",
        "A14B's image to video is given a photo whole, with nothing left to learn of it",
        (
            "filmforge/video_models/wan_a14b.py",
            "video[:, :, 1 if len(frames) > 1 else 0 :] = 0",
            "video[:, :, 1:] = 0",
        ),
        f"{_FAMILIES}::TestTwoExperts::test_a_photo_is_not_given_to_weights_of_image_to_video",
    ),
)

_SECOND_PASS = (
    put(
        "second",
        "LTX's second pass begins at strength 1, where diffusers forgets the latents that it is given",
        (_UPSCALING, "return SecondPass(levels, 0.999)", "return SecondPass(levels, 1.0)"),
        f"{_SECOND}::test_distilled",
    ),
    put(
        "second",
        "the strength of the second pass is not told to the pipeline",
        ("filmforge/video_models/ltx.py", '                "denoise_strength": second.strength,\n', ""),
        f"{_SECOND}::test_as_diffusers_does_it",
    ),
    put(
        "second",
        "the second pass is not given the enlarged latents, and makes a clip of its own",
        ("filmforge/video_models/ltx.py", '                "latents": latents,\n', ""),
        f"{_SECOND}::test_the_first_pass_counts",
    ),
    put(
        "second",
        "the second pass is sampled at the noise levels of the first",
        ("filmforge/video_models/ltx.py", '                "timesteps": list(second.levels),\n', ""),
        f"{_SECOND}::test_as_diffusers_does_it",
    ),
    put(
        "second",
        "the latents between the passes are not brought to the statistics of the first (distilled weights)",
        (_UPSCALING, 'adain_factor=float(upscale.get("adain", 0.0))', "adain_factor=0.0"),
        f"{_SECOND}::test_distilled",
    ),
    put(
        "second",
        "the latents between the passes are not tone-mapped (0.9.8 distilled)",
        (
            _UPSCALING,
            'tone_map_compression_ratio=float(upscale.get("tone_map", 0.0))',
            "tone_map_compression_ratio=0.0",
        ),
        f"{_SECOND}::test_distilled",
    ),
    put(
        "second",
        "the first pass has the full size, and the second twice that",
        ("filmforge/video_models/ltx.py", "ltx_upscale.half(size), on_step", "size, on_step"),
        f"{_SECOND}::test_as_diffusers_does_it",
    ),
    put(
        "second",
        "pictures that a shot starts and ends with are given to the first pass alone",
        (
            "filmforge/video_models/ltx.py",
            "arguments, pictures, size, on_step, taken, before=steps",
            "arguments, (None, None), size, on_step, taken, before=steps",
        ),
        f"{_SECOND}::test_given_frames",
    ),
)

_FILES = (
    put(
        "files",
        "a tensor of a file that has no place in the model is passed over, as diffusers passes it over",
        (_ONE_FILE, "if spare := sorted(held.keys() - own.keys()):", "if spare := ():"),
        f"{_SINGLE}::TestLoading::test_every_tensor_has_its_place",
    ),
    put(
        "files",
        "a tensor that a file lacks is left empty",
        (_ONE_FILE, "if lacking := sorted(own.keys() - held.keys()):", "if lacking := ():"),
        f"{_SINGLE}::TestLoading::test_every_tensor_has_its_place",
    ),
    put(
        "files",
        "a Wan in diffusers' names is converted once more, which exchanges two norms of each block",
        (_ONE_FILE, "if known == len(own):", "if False:"),
        (_ONE_FILE, "return converted if len(own & converted.keys()) > known else held", "return converted"),
        f"{_SINGLE}::TestLoading::test_types_of_gguf[F16]",
    ),
    put(
        "files",
        "the file of a transformer has no part in the key",
        ("filmforge/video_models/checkpoint.py", 'f"{name}\\0{files[name]}\\n"', 'f"{name}\\n"'),
        "tests/video_models/test_checkpoint.py::TestKeys::test_the_file_counts_by_content",
    ),
)

TRAPS: tuple[PutBack, ...] = (
    *_ALPHA, *_PREFIX, *_EXPERTS, *_VELOCITY, *_TEXT, *_NORMALISATION, *_LTX_TRAPS, *_RATES, *_PRECISION, *_KEYS,
    *_DIFFUSERS, *_SECOND_PASS, *_FILES,
)  # fmt: skip
"""In the order of their numbers; those with names are what diffusers does to whoever does not look."""
