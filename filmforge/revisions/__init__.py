"""The film under version control: read at git revisions, and compared between them."""
