"""The workers do the work: curate, train, assemble, render. The only place with torch."""
