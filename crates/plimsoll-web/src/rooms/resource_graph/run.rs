//! A query from its text to its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use plimsoll_query::{Answer, Error as Fault, Flow, Limits, Plan};
use serde_json::Value;

use super::answer;
use super::request::Asked;
use super::sources::Sources;
use super::tables::catalog;
use crate::call::Call;
use crate::error::Error;

/// How long one request may take, with its facets.
const LONGEST: Duration = Duration::from_secs(60);
/// Bytes that one query may hold on to.
const MEMORY: u64 = 128 << 20;

/// The answer's body, or what is wrong with the query.
pub(super) async fn run(
    call: &Call<'_>,
    asked: &Asked,
    sources: Sources,
) -> Result<Result<Value, Fault>, Error> {
    let place = Arc::clone(&call.desk.places).acquire_owned();
    let place = place.await.map_err(|_| Error::Broken("the desk is closed".to_owned()))?;
    let stop = Stop(Arc::new(AtomicBool::new(false)));
    let limits = Limits { memory: MEMORY, stop: Arc::clone(&stop.0), ..Limits::default() };
    let worked = tokio::time::timeout(LONGEST, answered(call, asked, &sources, limits)).await;
    drop(place);
    worked.unwrap_or_else(|_| Ok(Err(Fault::stopped())))
}

/// Stops what still works on a query when nobody waits for it any more.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn answered(
    call: &Call<'_>,
    asked: &Asked,
    sources: &Sources,
    limits: Limits,
) -> Result<Result<Value, Fault>, Error> {
    let plan = match planned(call, &asked.query, sources, &limits).await? {
        Ok(plan) => plan,
        Err(fault) => return Ok(Err(fault)),
    };
    let page = match page(call, asked, &plan, sources).await? {
        Ok(page) => page,
        Err(fault) => return Ok(Err(fault)),
    };
    let mut facets = Vec::new();
    for facet in &asked.facets {
        let found = match &facet.query {
            None => None,
            Some(query) => Some(match planned(call, query, sources, &limits).await? {
                Ok(plan) => execute(call, &plan, 0, facet.top, sources).await?,
                Err(fault) => Err(fault),
            }),
        };
        facets.push(answer::facet(facet, found));
    }
    Ok(Ok(answer::body(asked, &plan, page, facets)))
}

/// A page of the answer, and how many rows there are in all.
async fn page(
    call: &Call<'_>,
    asked: &Asked,
    plan: &Plan,
    sources: &Sources,
) -> Result<Result<Answer, Fault>, Error> {
    if plan.has_own_limit() {
        return execute(call, plan, 0, asked.top, sources).await;
    }
    let Some((page, count)) = plan.page_and_count(asked.skip, asked.top) else {
        return execute(call, plan, asked.skip, asked.top, sources).await;
    };
    let page = match execute(call, &page, asked.skip, asked.top, sources).await? {
        Ok(page) => page,
        Err(fault) => return Ok(Err(fault)),
    };
    Ok(execute(call, &count, 0, 1, sources).await?.map(|count| {
        let total = count.rows.first().and_then(|row| match row.first() {
            Some(plimsoll_query::Value::Long(total)) => u64::try_from(*total).ok(),
            _ => None,
        });
        // Between the two questions the store may have changed; a page does not have more rows than there are.
        Answer { total: total.unwrap_or_default().max(page.total), ..page }
    }))
}

async fn planned(
    call: &Call<'_>,
    query: &str,
    sources: &Sources,
    limits: &Limits,
) -> Result<Result<Plan, Fault>, Error> {
    let (query, limits, now) = (query.to_owned(), limits.clone(), call.now.0);
    let saved = sources.saved.clone();
    blocking(move || {
        Plan::new(&query, &catalog(), now, &limits, &|id| saved.get(&id.to_ascii_lowercase()).cloned())
    })
    .await
}

/// Feeds a plan with what it asks for.
pub(super) async fn execute(
    call: &Call<'_>,
    plan: &Plan,
    skip: u64,
    top: u64,
    sources: &Sources,
) -> Result<Result<Answer, Fault>, Error> {
    let mut execution = plan.run(skip, top);
    loop {
        let (back, wanted) = blocking(move || {
            let wanted = execution.wanted().map(|scan| scan.cloned());
            (execution, wanted)
        })
        .await?;
        execution = back;
        let scan = match wanted {
            Ok(Some(scan)) => scan,
            Ok(None) => return Ok(Ok(execution.finish())),
            Err(fault) => return Ok(Err(fault)),
        };
        let mut source = sources.scan(call, scan).await?;
        while let Some(rows) = source.next(call).await? {
            let (back, flow) = blocking(move || {
                let flow = execution.feed(rows);
                (execution, flow)
            })
            .await?;
            execution = back;
            match flow {
                Ok(Flow::More) => {}
                Ok(Flow::Enough) => break,
                Err(fault) => return Ok(Err(fault)),
            }
        }
        let (back, ended) = blocking(move || {
            let ended = execution.end();
            (execution, ended)
        })
        .await?;
        execution = back;
        if let Err(fault) = ended {
            return Ok(Err(fault));
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Broken(format!("the evaluation of a query broke off: {error}")))
}
