// SPDX-License-Identifier: EUPL-1.2
//! Answers: a recipient says once, per item, what it decided; every originator sees it.
//!
//! An officer may answer on a recipient's behalf (a call, a letter), with a note that goes into the access log.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use concert_protocol::consolidation::{NoticeState, NoticeView};
use concert_protocol::encoding::{base64url_decode, json_strict};
use concert_protocol::entry::answer::{Answer, ItemAnswer};
use concert_protocol::entry::text::{List, Text};
use concert_protocol::entry::{Body as EntryBody, NoticeId};
use concert_protocol::key::PublicKey;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::authoring::{Fate, Written, author_all, author_keyed, key_reused, keyed};
use super::caller::Caller;
use super::context::ApiContext;
use super::input::{Body, IdempotencyKey, Named, StrictValue};
use super::notices::find_notice;
use super::problem::Problem;
use super::referrals::{BatchResponse, Submitted};
use super::schema::ItemAnswerSchema;
use crate::engine::Unique;

/// Most answers in one request.
const BATCH_MAX: usize = 100;

pub(super) fn routes() -> OpenApiRouter<ApiContext> {
    OpenApiRouter::new().routes(routes!(answer_notice)).routes(routes!(answer_batch))
}

/// An answer to the notice in the path.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAnswer)]
struct AnswerRequest {
    /// One decision per item, each item at most once; 1 to 100.
    #[schema(value_type = Vec<ItemAnswerSchema>, min_items = 1, max_items = 100)]
    items: List<ItemAnswer, 1, 100>,
    /// The recipient's own reference, 1 to 200 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    external_ref: Option<Text<1, 200>>,
    /// The same answer as a JWS compact serialisation (`EdDSA`) under the recipient's registered key, with the members
    /// `notice` and `items` as its payload.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    signed: Option<Text<1, 16000>>,
    /// For an officer: how the recipient gave the answer, 1 to 1,000 characters. Not sent by recipients.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    note: Option<Text<1, 1000>>,
}

/// An answer in a batch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BatchedAnswer {
    /// The notice.
    #[schema(value_type = String)]
    notice: NoticeId,
    /// One decision per item, each item at most once; 1 to 100.
    #[schema(value_type = Vec<ItemAnswerSchema>, min_items = 1, max_items = 100)]
    items: List<ItemAnswer, 1, 100>,
    /// The recipient's own reference, 1 to 200 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    external_ref: Option<Text<1, 200>>,
    /// As in a single answer.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    signed: Option<Text<1, 16000>>,
    /// As in a single answer.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    note: Option<Text<1, 1000>>,
}

/// Answers to hand in together.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnswerBatch)]
struct AnswerBatch {
    /// 1 to 100 answers, at most one per notice.
    #[schema(value_type = Vec<BatchedAnswer>, min_items = 1, max_items = 100)]
    answers: List<StrictValue, 1, BATCH_MAX>,
}

/// Answer a notice
///
/// Per item; a later answer replaces an earlier one about the same item. The answer reaches every originator.
#[utoipa::path(
    post, path = "/api/v1/notices/{id}/answers", tag = "notices", request_body = AnswerRequest,
    params(("id" = String, Path, description = "The notice's id.")),
    responses((status = 201, body = Written), (status = 200, body = Written))
)]
async fn answer_notice(
    State(context): State<ApiContext>,
    caller: Caller,
    key: IdempotencyKey,
    Named(id): Named<NoticeId>,
    Body(request): Body<AnswerRequest>,
) -> Result<Response, Problem> {
    let AnswerRequest { items, external_ref, signed, note } = request;
    let answer = BatchedAnswer { notice: id, items, external_ref, signed, note };
    let (body, unique) = prepare(&context, &caller, &key, answer)?;
    Ok(author_keyed(&context, body, unique).await?.respond(Some(format!("/api/v1/notices/{id}"))))
}

/// Answer many notices
///
/// Each answer is judged by itself; those that can be written become durable together.
#[utoipa::path(
    post, path = "/api/v1/answers:batch", tag = "notices", request_body = AnswerBatch,
    responses((status = 200, body = BatchResponse))
)]
async fn answer_batch(
    State(context): State<ApiContext>,
    caller: Caller,
    key: IdempotencyKey,
    Body(batch): Body<AnswerBatch>,
) -> Result<Json<BatchResponse>, Problem> {
    let mut submitted: Vec<Option<Submitted>> = Vec::with_capacity(batch.answers.len());
    let mut places = Vec::new();
    let mut entries = Vec::new();
    for (place, answer) in batch.answers.iter().enumerate() {
        let prepared = answer.decode().and_then(|answer| prepare(&context, &caller, &key, answer));
        submitted.push(match prepared {
            Err(problem) => Some(Submitted::Refused(problem)),
            Ok(entry) => {
                entries.push(entry);
                places.push(place);
                None
            }
        });
    }
    if !entries.is_empty() {
        for (place, fate) in places.into_iter().zip(author_all(&context, entries).await?) {
            submitted[place] = Some(match fate {
                Ok(Fate::Written(written)) => Submitted::Written(written),
                Ok(Fate::Other(..)) => Submitted::Refused(key_reused()),
                Err(problem) => Submitted::Refused(problem),
            });
        }
    }
    Ok(Json(BatchResponse::of(submitted.into_iter().flatten().collect())))
}

/// Checks an answer against its notice, and makes the entry of it.
fn prepare(
    context: &ApiContext,
    caller: &Caller,
    key: &IdempotencyKey,
    request: BatchedAnswer,
) -> Result<(EntryBody, Unique), Problem> {
    let view = find_notice(context, caller, &request.notice)?;
    match (caller.recipient().is_some(), &request.note) {
        (true, Some(_)) => {
            return Err(Problem::field("/note", "only an officer who answers on behalf sends a note"));
        }
        (false, None) => {
            return Err(Problem::field("/note", "required: say how the recipient gave this answer"));
        }
        _ => {}
    }
    let unique = keyed("answer", &format!("{} {}", view.recipient, view.id), key);
    if !context.was_written(unique)? {
        check_against(&view, &request)?;
    }
    if let Some(signed) = &request.signed {
        check_signed(context, &view, signed, &request)?;
    }
    if request.note.is_some() {
        caller.note_with(context, "answer_on_behalf", view.id, request.note);
    }
    let BatchedAnswer { notice, items, external_ref, signed, .. } = request;
    let answer = Answer { recipient: view.recipient, notice, items, external_ref, signed };
    let body = EntryBody::Answer(Box::new(answer));
    body.check(&context.shared().me)?;
    Ok((body, unique))
}

fn check_against(view: &NoticeView, request: &BatchedAnswer) -> Result<(), Problem> {
    if let NoticeState::Merged(into) = view.state {
        return Err(Problem::conflict(format!("the notice goes on as {into}; answer that one")));
    }
    for (at, answer) in request.items.iter().enumerate() {
        if !view.items.iter().any(|item| item.item == answer.item) {
            return Err(Problem::field(format!("/items/{at}/item"), "not an item of this notice"));
        }
    }
    Ok(())
}

/// What a signed answer must say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedAnswer {
    notice: NoticeId,
    items: List<ItemAnswer, 1, 100>,
}

/// Checks that the recipient's own signature is by its registered key and over the same answer.
fn check_signed(
    context: &ApiContext,
    view: &NoticeView,
    jws: &str,
    request: &BatchedAnswer,
) -> Result<(), Problem> {
    let wrong = |what: &str| Problem::field("/signed", what);
    let recipient = context.shared().consolidation().recipient(&view.recipient).cloned();
    let key = recipient
        .and_then(|view| view.record.key)
        .ok_or_else(|| wrong("no key is registered for this recipient"))?;
    let payload = open_jws(jws, &key).map_err(wrong)?;
    let said: SignedAnswer =
        json_strict(&payload).map_err(|_| wrong("the payload is not an object with notice and items"))?;
    if said.notice != view.id || said.items != request.items {
        return Err(wrong("the signed answer says something else than the request"));
    }
    Ok(())
}

/// The payload of a compact JWS that `key` signed. Only `EdDSA` is taken, and nothing in the header is followed.
fn open_jws(jws: &str, key: &PublicKey) -> Result<Vec<u8>, &'static str> {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
        #[serde(default)]
        crit: Option<Vec<String>>,
        #[serde(default)]
        b64: Option<bool>,
    }
    let (input, signature) = jws.rsplit_once('.').ok_or("not a JWS compact serialisation")?;
    let (header, payload) = input.split_once('.').ok_or("not a JWS compact serialisation")?;
    let decode = |part: &str| base64url_decode(part.as_bytes()).ok_or("a part is not base64url");
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| "the header is not JSON")?;
    if header.alg != "EdDSA" || header.crit.is_some() || header.b64.is_some() {
        return Err("the header must have alg EdDSA, and neither crit nor b64");
    }
    key.verify(input.as_bytes(), &decode(signature)?)
        .map_err(|_| "the signature is not by the registered key")?;
    decode(payload)
}

#[cfg(test)]
mod tests {
    use concert_protocol::encoding::base64url_encode;
    use concert_protocol::key::SecretKey;

    use super::*;

    fn jws(header: &str, payload: &str, key: &SecretKey) -> String {
        let input =
            format!("{}.{}", base64url_encode(header.as_bytes()), base64url_encode(payload.as_bytes()));
        format!("{input}.{}", base64url_encode(&key.sign(input.as_bytes())))
    }

    #[test]
    fn only_eddsa_by_the_registered_key_opens() {
        let key = SecretKey::from_seed(&[7; 32]);
        let open = |header: &str| open_jws(&jws(header, "{}", &key), &key.public());
        assert_eq!(open(r#"{"alg":"EdDSA"}"#), Ok(b"{}".to_vec()));
        assert_eq!(
            open(r#"{"alg":"EdDSA","jku":"https://evil.example/"}"#),
            Ok(b"{}".to_vec()),
            "not followed"
        );
        for header in
            [r#"{"alg":"none"}"#, r#"{"alg":"HS256"}"#, r#"{"alg":"EdDSA","crit":["b64"],"b64":false}"#, "{}"]
        {
            assert!(open(header).is_err(), "{header}");
        }
        let other = SecretKey::from_seed(&[8; 32]);
        assert!(open_jws(&jws(r#"{"alg":"EdDSA"}"#, "{}", &other), &key.public()).is_err());
        for text in ["", ".", "..", "a.b", "e30.e30."] {
            assert!(open_jws(text, &key.public()).is_err(), "{text}");
        }
    }
}
