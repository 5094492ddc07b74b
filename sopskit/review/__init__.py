"""What changed, without a key and without a plaintext value."""
