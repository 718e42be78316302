"""A character's photos made into a LoRA: data set, training, and the proof that it changes the picture."""
