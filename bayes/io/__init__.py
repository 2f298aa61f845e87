"""What a person brings, and what is written for others."""
