"""What turns the chapters into a site; no chapter imports it, and it is not distributed."""
