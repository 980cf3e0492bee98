"""Is every group served alike? Groups are levels of static columns, and their intersections."""
