"""How a model judges people: anybody's recordings with texts, and experts' marks where there are some."""
