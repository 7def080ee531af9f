"""`ingufu doctor`: looks at the installation itself, and says what is wrong with it and what to do."""
