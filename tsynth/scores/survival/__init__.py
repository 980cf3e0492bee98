"""Does what ends a history come when it should."""
