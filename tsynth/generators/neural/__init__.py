"""Generators that are networks. Importing this room loads no torch; its modules do when they are used."""
