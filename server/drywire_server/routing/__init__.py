"""Which handler answers a request: resources (paths), routes (a method of one), and the table that holds them."""
