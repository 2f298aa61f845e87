"""What both halves of the project stand on: ``bayes`` and ``nets`` know this package and not each other."""
