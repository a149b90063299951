"""Online charging: sessions, their grants, and the words in which switches are told."""
