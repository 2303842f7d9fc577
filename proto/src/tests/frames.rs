//! Frames that are cut, unknown, forged or too many.

use bytes::Bytes;
use windlass_domain::digest::Digest;
use windlass_domain::exchange::{AgentMessage, HubMessage};

use crate::convert::{Invalid, NotAMessage};
use crate::frame::{FrameError, MAX_FRAME_BYTES, MAX_OPEN_STREAMS};
use crate::v1::frame::Body;
use crate::v1::{Frame, Part};
use crate::{Decoder, Encoder, v1};

fn part(stream: u32, part: u32, last: bool, data: &[u8]) -> Frame {
    let part = Part { stream, part, last, data: Bytes::copy_from_slice(data) };
    Frame { min_version: 1, critical: true, body: Some(Body::Part(part)) }
}

fn content(len: usize) -> HubMessage {
    HubMessage::Content { digest: Digest::of(b"x"), compressed: vec![7; len] }
}

fn decoder() -> Decoder<HubMessage> {
    Decoder::new()
}

#[test]
fn long_messages_may_interleave_with_others() {
    let mut encoder = Encoder::new();
    let (one, two, short) =
        (encoder.encode(content(40_000)), encoder.encode(content(20_000)), encoder.encode(content(1)));
    assert_eq!((one.len(), two.len(), short.len()), (3, 2, 1));
    let mut decoder = decoder();
    let order = [&one[0], &two[0], &short[0], &one[1], &two[1], &one[2]];
    let heard: Vec<_> =
        order.map(|frame| decoder.push(frame.clone()).expect("a frame")).into_iter().flatten().collect();
    assert_eq!(heard, [content(1), content(20_000), content(40_000)]);
}

#[test]
fn what_is_not_known_is_refused_where_critical_and_skipped_otherwise() {
    let unknown = Frame { min_version: 9, critical: true, body: None };
    assert_eq!(decoder().push(unknown), Err(FrameError::NotUnderstood { min_version: 9 }));
    assert_eq!(decoder().push(Frame { min_version: 9, critical: false, body: None }), Ok(None));
    let newer = Frame { min_version: 2, ..Encoder::new().encode(content(1)).remove(0) };
    assert_eq!(decoder().push(Frame { critical: false, ..newer.clone() }), Ok(None));
    assert_eq!(decoder().push(Frame { critical: true, ..newer }), Err(FrameError::NotUnderstood { min_version: 2 }));
}

#[test]
fn parts_take_effect_only_whole_and_in_order() {
    let gap = decoder().push(part(1, 1, false, b"x"));
    assert_eq!(gap, Err(FrameError::OutOfOrder { stream: 1, part: 1, expected: 0 }));
    let mut decoder = decoder();
    assert_eq!(decoder.push(part(1, 0, false, b"x")), Ok(None));
    assert_eq!(decoder.push(part(1, 2, false, b"x")), Err(FrameError::OutOfOrder { stream: 1, part: 2, expected: 1 }));
}

#[test]
fn unfinished_messages_are_bounded() {
    let mut decoder = decoder();
    for stream in 0..u32::try_from(MAX_OPEN_STREAMS).expect("small") {
        assert_eq!(decoder.push(part(stream, 0, false, b"x")), Ok(None));
    }
    assert_eq!(decoder.push(part(99, 0, false, b"x")), Err(FrameError::TooManyStreams));

    let mut decoder = Decoder::<AgentMessage>::new();
    let data = vec![0; MAX_FRAME_BYTES - 64];
    let limit = 16 * 1024 * 1024;
    let parts = u32::try_from(limit / data.len() + 2).expect("small");
    for n in 0..parts {
        assert_eq!(decoder.push(part(1, n, false, &data)), Ok(None), "let go by");
    }
    assert_eq!(decoder.push(part(1, parts, true, &data)), Err(FrameError::TooManyBytes { limit }));
}

#[test]
fn forged_frames_are_named() {
    let long = part(1, 0, false, &vec![0; MAX_FRAME_BYTES]);
    assert!(matches!(decoder().push(long), Err(FrameError::TooLong { .. })));
    assert!(matches!(decoder().push(part(4, 0, true, &[0xff])), Err(FrameError::Malformed { stream: 4, .. })));
    let inner = prost::Message::encode_to_vec(&part(1, 0, true, b""));
    assert_eq!(decoder().push(part(5, 0, true, &inner)), Err(FrameError::Nested { stream: 5 }));
    let wrong_way = Encoder::new().encode(AgentMessage::Ack { generation: 1 }).remove(0);
    assert_eq!(decoder().push(wrong_way), Err(FrameError::Message(NotAMessage::WrongWay("Ack"))));
}

#[test]
fn a_bad_field_is_named_by_its_path() {
    let row = v1::TargetSpec { application: vec![1; 16], ..Default::default() };
    let rows = vec![v1::TargetRow { row: Some(v1::target_row::Row::Present(row)) }];
    let to = v1::Position { incarnation: vec![0; 16], generation: 1, chain: vec![0; 32] };
    let delta = v1::Delta { to: Some(to), digest: Digest::of(b"x").to_bytes().to_vec(), rows, ..Default::default() };
    let frame = Frame { min_version: 1, critical: true, body: Some(Body::Delta(delta)) };
    let invalid = Invalid::new("delta.rows[0].present.name", "missing");
    assert_eq!(decoder().push(frame), Err(FrameError::Message(NotAMessage::Invalid(invalid))));
}

#[test]
fn an_unknown_cascade_deletes_nothing() {
    let name = Some(v1::ApplicationName { namespace: "argocd".into(), name: "web".into() });
    let removing = v1::Removing {
        application: vec![1; 16],
        name,
        cascade: 9,
        by: String::new(),
        unasked: false,
        deletion_confirmed: false,
        confirm: false,
        paused: None,
    };
    let read = windlass_domain::target::Removing::try_from(removing);
    assert_eq!(read, Err(Invalid::new("cascade", "unknown value 9")));
}

#[test]
fn no_secret_reaches_a_debug_text() {
    let frame =
        Encoder::new().encode(HubMessage::Content { digest: Digest::of(b"x"), compressed: b"hunter2".to_vec() });
    assert!(!format!("{frame:?}").contains("104, 117"), "{frame:?}");
}
