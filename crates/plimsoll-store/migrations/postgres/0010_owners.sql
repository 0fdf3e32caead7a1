-- A package of a language whose files a package of the distribution owns: the distribution's word decides.
alter table packages add column owner bigint references packages (id);
create index packages_by_owner on packages (owner) where owner is not null;

-- Licences, and who built it, as JSON.
alter table packages add column details text;
