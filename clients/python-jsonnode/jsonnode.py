"""The JSON-node framing of schema ids, over AWS Glue's schema registry.

The id of a record's schema travels as a member of the JSON itself, by default at
/metadata/schemaVersionId. Apart from that member nothing of the text changes, so
filters that expect JSON go on working and decode(encode(x)) is x, byte for byte.
"""

import json
import uuid

import jsonschema

DEFAULT_POINTER = "/metadata/schemaVersionId"
MAX_PAYLOAD = 10 << 20  # bytes; no stream takes larger records
MAX_CACHED = 1000  # schemas


class JSONNodeError(ValueError):
    """The text cannot be framed, or is not framed, or does not fit its schema."""


def insert(text, version_id, pointer=DEFAULT_POINTER):
    """Gives the JSON text with the id added as the last member of the pointer's parent."""
    names = _names(pointer)
    place = _locate(text, names)
    if place is None:
        raise JSONNodeError(f"the value has no object to hold {pointer!r}")
    if place["member"]:
        raise JSONNodeError(f"the value already has a member at {pointer!r}")
    comma = "," if place["members"] else ""
    at = place["end"]  # behind its neighbour, so that white space before the brace is where it was
    return f'{text[:at]}{comma}{json.dumps(names[-1])}:"{version_id}"{text[at:]}'


def remove(text, pointer=DEFAULT_POINTER):
    """Gives the id in a framed text, and the text without it."""
    place = _locate(text, _names(pointer))
    if place is None or not place["member"]:
        raise JSONNodeError(f"the text has no member at {pointer!r}")
    before, name, value, end = place["member"]
    try:
        version_id = str(uuid.UUID(json.loads(text[value:end])))
    except (ValueError, TypeError, AttributeError):
        raise JSONNodeError(f"the member at {pointer!r} is not a schema version id") from None
    start = before
    if before == place["open"]:  # the first member: the comma to take is the one behind it
        comma = text.find(",", end, place["close"])
        if comma >= 0:
            start, end = name, comma + 1
    return version_id, text[:start] + text[end:]


class JSONNode:
    """Encodes and decodes the records of one schema.

    glue is a boto3 client. With schema_definition the schema is registered when it
    is first needed (auto_register) or must be there already.
    """

    def __init__(self, glue, schema_name=None, schema_definition=None, registry_name="default-registry",
                 auto_register=True, compatibility="BACKWARD", pointer=DEFAULT_POINTER):
        self._glue, self._name, self._definition = glue, schema_name, schema_definition
        self._registry, self._auto, self._compatibility = registry_name, auto_register, compatibility
        self._pointer = pointer
        self._version_id = None
        self._validators = {}

    def encode(self, text):
        """Checks a JSON text (str, or UTF-8 bytes) against the schema and gives it framed, as bytes."""
        text = _text(text)
        _load(text)  # before anything is registered
        validator = self._validator(None, self._definition)
        self._check(validator, text)
        if self._version_id is None:
            self._version_id = self._find()
        return insert(text, self._version_id, self._pointer).encode()

    def decode(self, data):
        """Takes the frame off and checks the text against the writer's schema; gives bytes."""
        version_id, text = remove(_text(data), self._pointer)
        if version_id not in self._validators:
            version = self._glue.get_schema_version(SchemaVersionId=version_id)
            if version["DataFormat"] != "JSON":
                raise JSONNodeError(f"schema version {version_id} is {version['DataFormat']}, not JSON")
            self._validator(version_id, version["SchemaDefinition"])
        self._check(self._validators[version_id], text)
        return text.encode()

    def _validator(self, key, definition):
        if definition is None:
            raise JSONNodeError("encoding needs a schema definition")
        if key not in self._validators:
            if len(self._validators) >= MAX_CACHED:
                self._validators.clear()
            schema = json.loads(definition)
            self._validators[key] = jsonschema.validators.validator_for(schema)(schema)
        return self._validators[key]

    def _check(self, validator, text):
        error = jsonschema.exceptions.best_match(validator.iter_errors(_load(text)))
        if error is not None:
            raise JSONNodeError(f"{error.json_path}: {error.message}")

    def _find(self):
        glue, schema = self._glue, {"SchemaName": self._name, "RegistryName": self._registry}
        try:
            found = glue.get_schema_by_definition(SchemaId=schema, SchemaDefinition=self._definition)
            return found["SchemaVersionId"]
        except glue.exceptions.EntityNotFoundException:
            if not self._auto:
                raise
        try:
            made = glue.register_schema_version(SchemaId=schema, SchemaDefinition=self._definition)
            status = made["Status"]
        except glue.exceptions.EntityNotFoundException:
            made = glue.create_schema(RegistryId={"RegistryName": self._registry}, SchemaName=self._name, DataFormat="JSON",
                                      Compatibility=self._compatibility, SchemaDefinition=self._definition)
            status = made["SchemaVersionStatus"]
        if status != "AVAILABLE":
            raise JSONNodeError(f"the schema breaks the compatibility of {self._name}: its version is {status}")
        return made["SchemaVersionId"]


def _text(data):
    if len(data) > MAX_PAYLOAD:
        raise JSONNodeError(f"a payload of {len(data)} is larger than {MAX_PAYLOAD}")
    try:
        return data if isinstance(data, str) else bytes(data).decode()
    except UnicodeDecodeError as e:
        raise JSONNodeError(str(e)) from None


def _unique(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JSONNodeError("an object has two members of one name")
    return members


def _no_constant(name):
    raise JSONNodeError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _load(text):
    try:
        value = _DECODER.decode(text)
    except (json.JSONDecodeError, RecursionError) as e:
        raise JSONNodeError(str(e)) from None
    if not isinstance(value, dict):
        raise JSONNodeError("the value is not a JSON object")
    return value


def _names(pointer):
    if not pointer.startswith("/"):
        raise JSONNodeError(f"{pointer!r} is not a JSON pointer to a member")
    return [n.replace("~1", "/").replace("~0", "~") for n in pointer[1:].split("/")]


def _locate(text, names):
    """Finds the parent object of the pointer in a text, and the member if it is there.

    Gives None without a parent; else where it opens, its last member ends and it
    closes, its number of members, and the member as (end of what is before it, name, value, end).
    """
    _load(text)  # from here on the text is known to be sound
    at = _skip(text, 0)
    for depth in range(len(names)):
        last = depth == len(names) - 1
        open_, end, members, found = at + 1, at + 1, 0, None
        at = _skip(text, open_)
        while text[at] == '"':
            name_at = at
            name, at = json.decoder.scanstring(text, at + 1)
            value = _skip(text, _skip(text, at) + 1)
            _, after = _DECODER.raw_decode(text, value)
            if name == names[depth]:
                found = (end, name_at, value, after)
            members, end = members + 1, after
            at = _skip(text, after)
            if text[at] == ",":
                at = _skip(text, at + 1)
        if last:
            return {"open": open_, "end": end, "close": at, "members": members, "member": found}
        if found is None or text[found[2]] != "{":
            return None
        at = found[2]
    return None


def _skip(text, at):
    while text[at] in " \t\r\n":
        at += 1
    return at
