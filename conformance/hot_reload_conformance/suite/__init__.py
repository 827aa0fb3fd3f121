"""The contract as pytest items. Only here, and in the plugin module, does the kit know pytest."""
