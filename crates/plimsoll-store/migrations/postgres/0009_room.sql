-- An advisory that concerns many images changes a row each. With room beside it a row is written where it was, and no index is touched.

alter table image_summaries set (fillfactor = 50);
