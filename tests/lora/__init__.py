"""Tests of LoRA training."""
