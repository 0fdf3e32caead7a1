-- The chain ids of an image's layers, lowest first, 32 bytes each, and the last of them by itself: an image whose last
-- chain id is among those of another is its base.
alter table images add column chains blob;
alter table images add column chain blob;
create index images_by_chain on images (chain) where chain is not null;
