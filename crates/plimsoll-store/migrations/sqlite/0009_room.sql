-- An advisory that concerns many images changes a row each. With room beside it a row is written where it was, and no index is touched.

-- SQLite writes a row in its place as it is.
select 1;
