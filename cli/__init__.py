"""The command `tollbook`: starts services, feeds them, and shows and proves what they have done."""
