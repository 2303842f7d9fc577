//! What the wire must keep: every message survives it, and its bytes do not change unnoticed.

mod any;
mod frames;
mod golden;

use proptest::prelude::*;
use prost::Message as _;
use windlass_domain::exchange::{AgentMessage, HubMessage};

use crate::frame::Message;
use crate::v1;
use crate::v1::frame::Body;
use crate::{Decoder, Encoder};

/// Through frames and their bytes, as the wire carries them.
fn through<M: Message + Into<Body>>(message: M) -> Option<M> {
    let mut decoder = Decoder::new();
    let mut heard = None;
    for frame in Encoder::new().encode(message) {
        assert!(heard.is_none(), "it took effect before it was whole");
        let bytes = frame.encode_to_vec();
        assert!(bytes.len() <= crate::frame::MAX_FRAME_BYTES, "{} bytes", bytes.len());
        heard = decoder.push(v1::Frame::decode(&bytes[..]).expect("a frame")).expect("a message");
    }
    heard
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_an_agent_says_survives_the_wire(message in any::agent_message()) {
        prop_assert_eq!(through::<AgentMessage>(message.clone()), Some(message));
    }

    #[test]
    fn what_a_hub_says_survives_the_wire(message in any::hub_message()) {
        prop_assert_eq!(through::<HubMessage>(message.clone()), Some(message));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(frame) = v1::Frame::decode(&bytes[..]) {
            let _ = Decoder::<AgentMessage>::new().push(frame.clone());
            let _ = Decoder::<HubMessage>::new().push(frame);
        }
    }
}
