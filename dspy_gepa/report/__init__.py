"""A run as one page of HTML that needs nothing else: from its record to what people look at."""
