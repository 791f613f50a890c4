"""Recipes: YAML in, one typed value out; every problem has its place and its cure."""
