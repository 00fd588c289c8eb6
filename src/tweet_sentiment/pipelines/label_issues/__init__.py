"""List the posts whose label is unlikely, or that give no reason for any label."""
