"""What finance looks at: reports on screen and as files."""
