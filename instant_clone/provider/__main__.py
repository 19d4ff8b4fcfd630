"""What Terraform starts: `python -m instant_clone.provider HOME`, by way of the launcher."""

from instant_clone.provider.plugin import main

main()
