# SPDX-License-Identifier: EUPL-1.2
"""Makes the rosters, keys.json and refused.json in this folder.

A second, naive writer of spec 03-roster, kept apart from the Rust one so that each checks the other.
Needs the Python package `cryptography`. Run it only when the spec changes: the files are fixed points.
"""
import base64
import copy
import hashlib
import json
import pathlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HERE = pathlib.Path(__file__).parent


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def private(label):
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(label.encode()).digest())


def public(label):
    raw = private(label).public_key().public_bytes_raw()
    used[label] = raw.hex()
    return raw.hex()


def fingerprint(label):
    return hashlib.sha256(bytes.fromhex(public(label))).hexdigest()[:16]


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def signature(payload, label, over=None):
    header = {"alg": "EdDSA", "kid": fingerprint(label), "typ": "concert.roster.v1+jws"}
    protected = b64u(compact(header))
    signed = private(label).sign(f"{protected}.{over or payload}".encode())
    return {"protected": protected, "signature": b64u(signed)}


def write(name, version, signers, extra=()):
    payload = b64u(compact(version))
    signatures = [signature(payload, label) for label in signers]
    signatures += [signature(payload, label, over) for label, over in extra]
    (HERE / name).write_bytes(compact({"payload": payload, "signatures": signatures}))


def member(code, name, role="member", **more):
    logs = [{"generation": 1, "keys": [{"key": public(f"{code} log 1"), "from": 0}]}]
    fields = {"member": code, "name": name, "roles": [role]}
    if "contact" in more:
        fields["contact"] = more["contact"]
    fields["transport_key"] = public(f"{code} transport")
    fields["addresses"] = more.get("addresses", [])
    fields["cosigner_key"] = public(f"{code} cosigner")
    fields["logs"] = logs if role != "mirror" else []
    if "quota" in more:
        fields["quota"] = more["quota"]
    fields["state"] = "active"
    return fields


def roots(labels, threshold):
    return {"keys": [public(label) for label in labels], "threshold": threshold}


used = {}
v1 = {
    "federation": "concert.example",
    "version": 1,
    "issued_at": "2026-11-22T08:00:00.000000Z",
    "expires": "2027-05-22T08:00:00.000000Z",
    "epoch": 1,
    "root": roots(["root 1", "root 2", "root 3"], 2),
    "coordinators": ["EU"],
    "members": [
        member("EU", "Referral unit of the Union", contact="desk@eu.example, day and night",
               addresses=["/dns4/eu.example/tcp/4001", "/ip4/192.0.2.1/tcp/4001"]),
        member("FR", "Unité française", contact="desk@fr.example",
               quota={"entries_per_hour": 20000, "bytes_total": 50000000000}),
        member("DE", "Deutsche Stelle"),
        member("M1", "Mirror one", role="mirror"),
    ],
}

v2 = copy.deepcopy(v1)
v2.update(version=2, issued_at="2026-12-01T08:00:00.000000Z", expires="2027-06-01T08:00:00.000000Z",
          epoch=2, root=roots(["root 1", "root 2", "root 4"], 2), coordinators=["EU", "DE"])
v2["members"].append(member("BE", "Belgische eenheid"))
v2["members"][1]["logs"][0] = {
    "generation": 1,
    "keys": [
        {"key": public("FR log 1"), "from": 0, "until": 120},
        {"key": public("FR log 1b"), "from": 125},
    ],
    "pins": [{"size": 120, "root": hashlib.sha256(b"root at 120").hexdigest()}],
}

write("1.json", v1, ["root 1", "root 2"])
write("2.json", v2, ["root 2", "root 3", "root 4"])

refused = []


def refuse(name, trusted, error, version, signers, extra=()):
    write(name, version, signers, extra)
    refused.append({"file": name, "trusted": trusted, "error": error})


both = ["root 1", "root 2"]
refuse("2-old-threshold.json", 1, "TooFewTrusted", v2, ["root 2", "root 4"])
refuse("2-new-threshold.json", 1, "TooFewOwn", v2, ["root 2", "root 3"])
refuse("2-false-signature.json", 1, "BadSignature", v2, ["root 2", "root 3", "root 4"],
       [("root 1", b64u(compact(v1)))])
refuse("2-other-federation.json", 1, "OtherFederation", {**v2, "federation": "other.example"}, both)
refuse("2-second.json", 2, "SecondVersion", {**v2, "expires": "2028-06-01T08:00:00.000000Z"}, both)
refuse("1.json", 2, "Rollback", v1, both)
v3 = {**copy.deepcopy(v2), "version": 3}
refuse("4-skips.json", 2, "NotNext", {**v3, "version": 4}, both)
longer = copy.deepcopy(v3)
longer["members"][1]["logs"][0]["keys"][0]["until"] = 121
refuse("3-lengthened.json", 2, "History", longer, both)
forgotten = copy.deepcopy(v3)
del forgotten["members"][1]
refuse("3-forgotten.json", 2, "History", forgotten, both)
reused = copy.deepcopy(v3)
reused["members"][2]["transport_key"] = public("DE transport 2")
reused["members"][2]["cosigner_key"] = public("DE transport")
refuse("3-key-reuse.json", 2, "KeyReuse", reused, both)
twice = copy.deepcopy(v3)
twice["members"][2]["cosigner_key"] = public("FR cosigner")
refuse("3-key-twice.json", 2, "Rule", twice, both)

keys = {label: {"seed": hashlib.sha256(label.encode()).hexdigest(), "public": used[label]} for label in sorted(used)}
(HERE / "keys.json").write_text(json.dumps(keys, indent=1) + "\n")
(HERE / "refused.json").write_text(json.dumps(refused, indent=1) + "\n")
