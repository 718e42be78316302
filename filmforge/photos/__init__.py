"""A character's photos before anything is trained on them: what is wrong with them, and what their captions say."""
