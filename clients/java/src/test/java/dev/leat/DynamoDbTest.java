package dev.leat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.enhanced.dynamodb.DynamoDbEnhancedClient;
import software.amazon.awssdk.enhanced.dynamodb.DynamoDbTable;
import software.amazon.awssdk.enhanced.dynamodb.Expression;
import software.amazon.awssdk.enhanced.dynamodb.Key;
import software.amazon.awssdk.enhanced.dynamodb.TableSchema;
import software.amazon.awssdk.enhanced.dynamodb.extensions.annotations.DynamoDbVersionAttribute;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbAttribute;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbBean;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbPartitionKey;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbSecondaryPartitionKey;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbSecondarySortKey;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbSortKey;
import software.amazon.awssdk.enhanced.dynamodb.model.QueryConditional;
import software.amazon.awssdk.enhanced.dynamodb.model.ReadBatch;
import software.amazon.awssdk.enhanced.dynamodb.model.WriteBatch;
import software.amazon.awssdk.services.dynamodb.DynamoDbClient;
import software.amazon.awssdk.services.dynamodb.model.ConditionalCheckFailedException;
import software.amazon.awssdk.services.dynamodb.model.ProjectionType;
import software.amazon.awssdk.services.dynamodb.model.ResourceNotFoundException;
import software.amazon.awssdk.services.dynamodb.model.TransactionCanceledException;

/** The enhanced client over annotated beans. */
class DynamoDbTest {
  static final DynamoDbClient CLIENT = Platform.client(DynamoDbClient.builder());
  static final DynamoDbEnhancedClient ENHANCED = DynamoDbEnhancedClient.builder().dynamoDbClient(CLIENT).build();
  static final DynamoDbTable<Rate> RATES = ENHANCED.table(Platform.unique(), TableSchema.fromBean(Rate.class));

  /** What a currency was worth on a day. */
  @DynamoDbBean
  public static class Rate {
    private String symbol;
    private int day;
    private BigDecimal value;
    private List<String> sources;
    private Instant asOf;
    private Source best;
    private Set<String> tags;
    private Long version;

    static Rate of(String symbol, int day, String value) {
      Rate r = new Rate();
      r.symbol = symbol;
      r.day = day;
      r.value = new BigDecimal(value);
      r.sources = List.of("ecb", "fed");
      r.asOf = Instant.parse("2026-01-02T03:04:05.678Z").plusSeconds(day);
      r.best = new Source();
      r.best.setName("ecb");
      r.best.setSigned(new byte[] {0, (byte) 255});
      r.tags = Set.of("g7", "euro");
      return r;
    }

    @DynamoDbPartitionKey
    public String getSymbol() { return symbol; }

    public void setSymbol(String v) { symbol = v; }

    @DynamoDbSortKey
    public int getDay() { return day; }

    public void setDay(int v) { day = v; }

    @DynamoDbAttribute("rate")
    @DynamoDbSecondaryPartitionKey(indexNames = "by-value")
    public BigDecimal getValue() { return value; }

    public void setValue(BigDecimal v) { value = v; }

    public List<String> getSources() { return sources; }

    public void setSources(List<String> v) { sources = v; }

    @DynamoDbSecondarySortKey(indexNames = "by-value")
    public Instant getAsOf() { return asOf; }

    public void setAsOf(Instant v) { asOf = v; }

    public Source getBest() { return best; }

    public void setBest(Source v) { best = v; }

    public Set<String> getTags() { return tags; }

    public void setTags(Set<String> v) { tags = v; }

    @DynamoDbVersionAttribute
    public Long getVersion() { return version; }

    public void setVersion(Long v) { version = v; }
  }

  /** Who said so; an item within an item. */
  @DynamoDbBean
  public static class Source {
    private String name;
    private byte[] signed;

    public String getName() { return name; }

    public void setName(String v) { name = v; }

    public byte[] getSigned() { return signed; }

    public void setSigned(byte[] v) { signed = v; }
  }

  @BeforeAll
  static void create() {
    RATES.createTable(b -> b.globalSecondaryIndices(i -> i.indexName("by-value").projection(p -> p.projectionType(ProjectionType.ALL))));
    CLIENT.waiter().waitUntilTableExists(b -> b.tableName(RATES.tableName()));
  }

  @AfterAll
  static void delete() {
    RATES.deleteTable();
    CLIENT.close();
  }

  static Key key(String symbol, int day) {
    return Key.builder().partitionValue(symbol).sortValue(day).build();
  }

  @Test
  void beansComeBackAsTheyWerePut() {
    RATES.putItem(Rate.of("EUR", 1, "1.0725"));
    Rate got = RATES.getItem(key("EUR", 1));
    assertEquals(new BigDecimal("1.0725"), got.getValue());
    assertEquals(List.of("ecb", "fed"), got.getSources());
    assertEquals(Instant.parse("2026-01-02T03:04:06.678Z"), got.getAsOf());
    assertEquals("ecb", got.getBest().getName());
    assertArrayEquals(new byte[] {0, (byte) 255}, got.getBest().getSigned());
    assertEquals(Set.of("g7", "euro"), got.getTags());
    got.setValue(new BigDecimal("2"));
    assertEquals(2L, RATES.updateItem(got).getVersion());
    assertThrows(ConditionalCheckFailedException.class, () -> RATES.updateItem(got)); // its version is the old one
    RATES.deleteItem(key("EUR", 1));
    assertNull(RATES.getItem(key("EUR", 1)));
  }

  @Test
  void queriesPage() {
    IntStream.range(0, 25).forEach(day -> RATES.putItem(Rate.of("USD", day, "1")));
    var pages = RATES.query(b -> b.queryConditional(QueryConditional.sortGreaterThanOrEqualTo(key("USD", 5))).limit(7));
    assertEquals(IntStream.range(5, 25).boxed().toList(), pages.items().stream().map(Rate::getDay).toList());
    var filtered = RATES.scan(b -> b.filterExpression(Expression.builder().expression("#d < :d AND symbol = :s").putExpressionName("#d", "day")
        .putExpressionValue(":d", n("3")).putExpressionValue(":s", s("USD")).build()));
    assertEquals(3, filtered.items().stream().count());
  }

  @Test
  void indexesAndBatchesServeBeans() {
    // Without the extension for versions: batches take no conditions.
    var plain = DynamoDbEnhancedClient.builder().dynamoDbClient(CLIENT).extensions(List.of()).build();
    var rates = plain.table(RATES.tableName(), TableSchema.fromBean(Rate.class));
    var write = WriteBatch.builder(Rate.class).mappedTableResource(rates);
    IntStream.range(0, 12).forEach(day -> write.addPutItem(Rate.of("JPY", day, day % 2 == 0 ? "170.5" : "171")));
    assertEquals(List.of(), plain.batchWriteItem(b -> b.addWriteBatch(write.build())).unprocessedPutItemsForTable(rates));
    var indexed = RATES.index("by-value").query(QueryConditional.keyEqualTo(k -> k.partitionValue(170.5))).stream().flatMap(p -> p.items().stream());
    assertEquals(List.of(0, 2, 4, 6, 8, 10), indexed.map(Rate::getDay).toList());
    var read = ReadBatch.builder(Rate.class).mappedTableResource(RATES).addGetItem(key("JPY", 3)).addGetItem(key("JPY", 99)).build();
    assertEquals(List.of(3), ENHANCED.batchGetItem(b -> b.addReadBatch(read)).resultsForTable(RATES).stream().map(Rate::getDay).toList());
  }

  @Test
  void transactionsAreAllOrNothing() {
    assertThrows(TransactionCanceledException.class, () -> ENHANCED.transactWriteItems(b -> b
        .addPutItem(RATES, Rate.of("CHF", 1, "1"))
        .addConditionCheck(RATES, c -> c.key(key("CHF", 2)).conditionExpression(Expression.builder().expression("attribute_exists(symbol)").build()))));
    assertNull(RATES.getItem(key("CHF", 1)));
    assertThrows(ResourceNotFoundException.class, () -> CLIENT.describeTable(b -> b.tableName("missing")));
  }

  private static software.amazon.awssdk.services.dynamodb.model.AttributeValue n(String v) {
    return software.amazon.awssdk.services.dynamodb.model.AttributeValue.fromN(v);
  }

  private static software.amazon.awssdk.services.dynamodb.model.AttributeValue s(String v) {
    return software.amazon.awssdk.services.dynamodb.model.AttributeValue.fromS(v);
  }
}
