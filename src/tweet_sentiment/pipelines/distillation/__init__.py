"""What the teachers say of the training posts; the student is trained as any technique."""
