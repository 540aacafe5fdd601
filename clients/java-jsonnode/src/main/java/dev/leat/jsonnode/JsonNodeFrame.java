package dev.leat.jsonnode;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;

/**
 * Puts a schema version id into a JSON text, as a member of it, and takes it out
 * again. Nothing else of the text changes.
 */
public final class JsonNodeFrame {
  /** Where the id lies if nothing else is said. */
  public static final String DEFAULT_POINTER = "/metadata/schemaVersionId";

  private static final JsonFactory JSON = JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private final List<String> names;

  /** An id, and the text it was taken out of. */
  public record Unframed(UUID id, String text) {}

  public JsonNodeFrame() {
    this(DEFAULT_POINTER);
  }

  /** @param pointer a JSON pointer (RFC 6901) whose parent is an object of every value */
  public JsonNodeFrame(String pointer) {
    if (!pointer.startsWith("/")) {
      throw new IllegalArgumentException("\"" + pointer + "\" is not a JSON pointer to a member");
    }
    names = Arrays.stream(pointer.substring(1).split("/", -1)).map(n -> n.replace("~1", "/").replace("~0", "~")).toList();
  }

  /** Gives the text with the id added as the last member of the pointer's parent. */
  public String insert(String text, UUID id) {
    Place p = locate(text);
    if (p.close < 0) {
      throw new IllegalArgumentException("the value has no object to hold " + names);
    }
    if (p.valueEnd >= 0) {
      throw new IllegalArgumentException("the value already has a member at " + names);
    }
    String name = new String(JsonStringEncoder.getInstance().quoteAsString(names.get(names.size() - 1)));
    return text.substring(0, p.close) + (p.empty ? "" : ",") + '"' + name + "\":\"" + id + '"' + text.substring(p.close);
  }

  /** Takes the id out, wherever it stands among its neighbours. */
  public Unframed remove(String text) {
    Place p = locate(text);
    if (p.valueEnd < 0) {
      throw new IllegalArgumentException("the text has no member at " + names);
    }
    if (p.id == null) {
      throw new IllegalArgumentException("the member at " + names + " is not a schema version id");
    }
    int start = p.before;
    int end = p.valueEnd;
    int comma = text.indexOf(',', end);
    if (p.before == p.open && comma >= 0 && comma < p.close) { // the first member: the comma to take is the one behind it
      start = p.nameStart;
      end = comma + 1;
    }
    return new Unframed(p.id, text.substring(0, start) + text.substring(end));
  }

  /** Offsets of the member and its parent; -1 is "not there". */
  private static final class Place {
    int open = -1;
    int close = -1;
    int before = -1; // the end of the member before, or open
    int nameStart = -1;
    int valueEnd = -1;
    boolean empty = true;
    UUID id;
  }

  private Place locate(String text) {
    Place place = new Place();
    try (JsonParser parser = JSON.createParser(text)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new IllegalArgumentException("the value is not a JSON object");
      }
      object(parser, 0, place);
      if (parser.nextToken() != null) {
        throw new IllegalArgumentException("text behind the JSON object");
      }
    } catch (IOException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
    return place;
  }

  /** Reads the members of one object on the pointer's path, closing brace included. */
  private void object(JsonParser parser, int depth, Place place) throws IOException {
    boolean parent = depth == names.size() - 1;
    int end = after(parser);
    if (parent) {
      place.open = end;
    }
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      boolean named = parser.currentName().equals(names.get(depth));
      int name = (int) parser.currentTokenLocation().getCharOffset();
      JsonToken value = parser.nextToken();
      if (named && !parent && value == JsonToken.START_OBJECT) {
        object(parser, depth + 1, place);
      } else {
        UUID id = named && parent && value == JsonToken.VALUE_STRING ? uuid(parser.getText()) : null;
        skip(parser);
        if (named && parent) {
          place.before = end;
          place.nameStart = name;
          place.valueEnd = after(parser);
          place.id = id;
        }
      }
      end = after(parser);
      place.empty &= !parent;
    }
    if (parent) {
      place.close = (int) parser.currentTokenLocation().getCharOffset();
    }
  }

  /** Goes to the last token of a value, reading all of it. */
  private static void skip(JsonParser parser) throws IOException {
    parser.skipChildren();
    if (parser.currentToken().isScalarValue()) {
      parser.getText(); // the parser is lazy: this takes it to the end of the token
    }
  }

  /** Where the current token ends. */
  private static int after(JsonParser parser) throws IOException {
    if (parser.currentToken().isScalarValue()) {
      parser.finishToken();
    }
    return (int) parser.currentLocation().getCharOffset();
  }

  private static UUID uuid(String s) {
    try {
      UUID id = UUID.fromString(s);
      return id.toString().equalsIgnoreCase(s) ? id : null;
    } catch (IllegalArgumentException e) {
      return null;
    }
  }
}
