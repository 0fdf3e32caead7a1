//! When images were last pulled.

use plimsoll_store::{Pull, RegistryId};
use plimsoll_types::{Digest, Timestamp};

use crate::place::{NOW, Place, layer, name};

const HOUR: i64 = 3_600_000;

fn pull(repository: &str, digest: &Digest, at: Timestamp) -> Pull {
    Pull { registry: RegistryId::FIRST, repository: name(repository), digest: digest.clone(), at }
}

pub(crate) async fn the_newest_pull_of_an_image_counts(place: Place) {
    let store = &place.store;
    let app = place.push("team/app", "v1", &[&layer(1)]).await;
    let base = place.push("base", "v1", &[&layer(2)]).await;
    let (early, late) = (NOW.plus_millis(HOUR), NOW.plus_millis(9 * HOUR));
    store
        .record_pulls(&[
            pull("team/app", &app, late),
            pull("base", &base, early),
            pull("team/app", &app, early),
        ])
        .await
        .unwrap();
    store.record_pulls(&[pull("team/app", &app, early)]).await.unwrap();
    assert_eq!(store.last_pull(&name("team/app"), &app).await.unwrap(), Some(late));
    assert_eq!(store.last_pull(&name("base"), &app).await.unwrap(), None, "a pull is of one repository");
    let found = store.pulled_since(early, 0, 10).await.unwrap();
    let seen: Vec<_> = found.iter().map(|image| (image.repository.as_str(), image.pulled_at)).collect();
    assert_eq!(seen, [("team/app", late), ("base", early)]);
    assert_eq!((found[0].registry, &found[0].digest), (RegistryId::FIRST, &app));
    assert_eq!(store.pulled_since(early, found[0].row, 10).await.unwrap(), found[1..]);
    assert_eq!(store.pulled_since(early, 0, 1).await.unwrap(), found[..1]);
    assert_eq!(store.pulled_since(late, 0, 10).await.unwrap(), found[..1]);
    assert_eq!(store.pulled_since(late.plus_millis(1), 0, 10).await.unwrap(), []);
}

pub(crate) async fn an_image_that_is_gone_was_never_pulled(place: Place) {
    let store = &place.store;
    let app = place.push("app", "v1", &[&layer(1)]).await;
    store.record_pulls(&[pull("app", &app, NOW)]).await.unwrap();
    store.delete_manifest(&name("app"), &app, NOW).await.unwrap();
    let unknown = Digest::sha256(b"never pushed");
    store.record_pulls(&[pull("app", &app, NOW), pull("app", &unknown, NOW)]).await.unwrap();
    assert_eq!(store.pulled_since(Timestamp(0), 0, 10).await.unwrap(), []);
    // The same content once more is another image, which nobody has pulled.
    assert_eq!(place.push("app", "v1", &[&layer(1)]).await, app);
    assert_eq!(store.last_pull(&name("app"), &app).await.unwrap(), None);
}
