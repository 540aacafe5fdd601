package dev.leat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.apache.avro.Schema;
import org.apache.avro.SchemaParseException;
import org.apache.avro.AvroTypeException;

/**
 * Makes pairs of Avro schemas: one at random, and another that is the same but for
 * some changes of the kind that people make. What is drawn for a place in the schema
 * depends only on the seed and the place, so that a change here leaves the rest alike.
 */
final class AvroPairs {
  /** What was written with, and what is to be read with. */
  record Pair(Schema writer, Schema reader) {}

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<String> PRIMITIVES = List.of("null", "boolean", "int", "long", "float", "double", "bytes", "string");
  private static final int DEPTH = 3;

  private AvroPairs() {}

  /** The pair of a seed. */
  static Pair pair(long seed) {
    for (int attempt = 0;; attempt++) {
      long s = seed * 1_000 + attempt;
      try {
        return new Pair(parse(new Side(s, 0).schema("", DEPTH, true)), parse(new Side(s, 3 + s % 9).schema("", DEPTH, true)));
      } catch (SchemaParseException | AvroTypeException e) {
        // Such as two branches of one kind in a union: drawn again.
      }
    }
  }

  private static Schema parse(JsonNode schema) {
    return new Schema.Parser().parse(schema.toString());
  }

  /** One schema of a pair. Changes are drawn in percent of the places. */
  private static final class Side {
    private final long seed;
    private final long changes;
    private final Set<String> named = new HashSet<>();

    Side(long seed, long changes) {
      this.seed = seed;
      this.changes = changes;
    }

    private Random draw(String place, String what) {
      return new Random((seed * 31 + place.hashCode()) * 31 + what.hashCode());
    }

    /** Whether this is a place to change. */
    private boolean changed(String place, String what) {
      return draw(place, "change " + what).nextInt(100) < changes;
    }

    JsonNode schema(String place, int depth, boolean top) {
      Random r = draw(place, changed(place, "kind") ? "another kind" : "kind");
      int kind = top ? 9 : r.nextInt(depth > 0 ? 16 : 8);
      return switch (kind) {
        case 8, 9 -> record(place, depth);
        case 10 -> enumeration(place);
        case 11 -> fixed(place);
        case 12 -> node("array").set("items", schema(place + "/i", depth - 1, false));
        case 13 -> node("map").set("values", schema(place + "/v", depth - 1, false));
        case 14, 15 -> union(place, depth);
        default -> JSON.getNodeFactory().textNode(primitive(place, kind));
      };
    }

    /** A primitive type, at times the one that it may be promoted to. */
    private String primitive(String place, int kind) {
      String type = PRIMITIVES.get(kind);
      if (!changed(place, "promote")) {
        return type;
      }
      return switch (type) {
        case "int" -> List.of("long", "float", "double").get(draw(place, "to").nextInt(3));
        case "long" -> List.of("float", "double", "int").get(draw(place, "to").nextInt(3));
        case "float" -> "double";
        case "string" -> "bytes";
        case "bytes" -> "string";
        default -> type;
      };
    }

    private static ObjectNode node(String type) {
      return JSON.createObjectNode().put("type", type);
    }

    /** Names a type; at times another name that has the old one for an alias. Null if the name is taken. */
    private ObjectNode name(ObjectNode node, String place, String kind) {
      String name = kind + draw(place, "name").nextInt(5);
      if (changed(place, "rename")) {
        if (draw(place, "alias").nextBoolean()) {
          node.putArray("aliases").add(name);
        }
        name += "New";
      }
      if (draw(place, "space").nextInt(4) == 0) {
        node.put("namespace", changed(place, "space") ? "other" : "some");
      }
      node.put("name", name);
      return named.add(node.path("namespace").asText() + "." + name) ? node : null;
    }

    private JsonNode record(String place, int depth) {
      ObjectNode record = name(node("record"), place, "R");
      if (record == null) {
        return JSON.getNodeFactory().textNode("string");
      }
      ArrayNode fields = record.putArray("fields");
      int n = 1 + draw(place, "fields").nextInt(4);
      for (int i = 0; i < n + 1; i++) {
        String at = place + "/f" + i;
        boolean there = i < n != changed(at, "there");
        if (there) {
          fields.add(field(at, "f" + i, depth));
        }
      }
      return record;
    }

    private JsonNode field(String place, String name, int depth) {
      ObjectNode field = JSON.createObjectNode();
      if (changed(place, "name")) {
        if (draw(place, "alias").nextBoolean()) {
          field.putArray("aliases").add(name);
        }
        name += "New";
      }
      JsonNode type = schema(place, depth - 1, false);
      field.put("name", name).set("type", type);
      if (draw(place, "default").nextBoolean() != changed(place, "default")) {
        JsonNode value = defaultOf(type);
        if (value != null) {
          field.set("default", value);
        }
      }
      return field;
    }

    private static JsonNode defaultOf(JsonNode type) {
      JsonNode first = type.isArray() ? type.path(0) : type;
      String kind = first.isTextual() ? first.asText() : first.path("type").asText();
      return switch (kind) {
        case "null" -> JSON.nullNode();
        case "boolean" -> JSON.getNodeFactory().booleanNode(true);
        case "int", "long" -> JSON.getNodeFactory().numberNode(7);
        case "float", "double" -> JSON.getNodeFactory().numberNode(1.5);
        case "string", "bytes" -> JSON.getNodeFactory().textNode("d");
        case "array" -> JSON.createArrayNode();
        case "map" -> JSON.createObjectNode();
        case "enum" -> first.path("symbols").path(0);
        default -> null;
      };
    }

    private JsonNode enumeration(String place) {
      ObjectNode node = name(node("enum"), place, "E");
      if (node == null) {
        return JSON.getNodeFactory().textNode("int");
      }
      ArrayNode symbols = node.putArray("symbols").add("A");
      for (String symbol : List.of("B", "C", "D")) {
        if (draw(place, symbol).nextBoolean() != changed(place, symbol)) {
          symbols.add(symbol);
        }
      }
      if (draw(place, "default").nextInt(3) == 0 != changed(place, "default")) {
        node.put("default", "A");
      }
      return node;
    }

    private JsonNode fixed(String place) {
      ObjectNode node = name(node("fixed"), place, "F");
      return node == null ? JSON.getNodeFactory().textNode("bytes") : node.put("size", changed(place, "size") ? 9 : 8);
    }

    private JsonNode union(String place, int depth) {
      ArrayNode branches = JSON.createArrayNode();
      Set<String> kinds = new HashSet<>();
      for (int i = 0; i < 4; i++) {
        String at = place + "/u" + i;
        if (draw(at, "there").nextInt(3) > 0 == changed(at, "there")) {
          continue;
        }
        JsonNode branch = schema(at, depth - 1, false);
        if (!branch.isArray() && kinds.add(branch.isTextual() ? branch.asText() : branch.path("type").asText() + branch.path("name").asText())) {
          branches.add(branch);
        }
      }
      return branches.isEmpty() ? JSON.getNodeFactory().textNode("null") : branches;
    }
  }
}
