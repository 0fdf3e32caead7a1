//! `Microsoft.Security`: assessments, sub-assessments and their metadata.

use axum::response::Response;
use http::Method;

use crate::call::Call;
use crate::error::Error;
use crate::handlers;
use crate::route::Route;

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    let Some(route) = Route::parse(call.uri.path()) else { return Ok(None) };
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed("GET, HEAD"));
    }
    let web = call.web;
    let response = match &route {
        Route::SubAssessments(place) => handlers::list_sub_assessments(call, place, None).await,
        Route::SubAssessmentsOf(place, key) => handlers::list_sub_assessments(call, place, Some(key)).await,
        Route::SubAssessment(place, key, name) => handlers::get_sub_assessment(call, place, key, name).await,
        Route::Assessments(place) => handlers::list_assessments(call, place).await,
        Route::Assessment(place, key) => handlers::get_assessment(call, place, key).await,
        Route::AllMetadata(place) => handlers::list_metadata(call, place.as_ref()).await,
        Route::Metadata(place, key) => handlers::get_metadata(web, place.as_ref(), key),
    };
    response.map(Some)
}
