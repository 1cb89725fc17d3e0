export DIB_BLOCK_DEVICE=gpt
# The loaders' files are on the EFI system partition, for two slots.
export INGOT_SLOTS=trees
