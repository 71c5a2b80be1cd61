"""What the project's files hold of a customer who asked to be forgotten, and how it goes: one file, the folders, the receipt."""
