"""May they see it, how much, and why?"""
