package dev.leat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigDecimal;
import java.util.List;
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
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbSortKey;
import software.amazon.awssdk.enhanced.dynamodb.model.QueryConditional;
import software.amazon.awssdk.services.dynamodb.DynamoDbClient;
import software.amazon.awssdk.services.dynamodb.model.ConditionalCheckFailedException;
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
    private Long version;

    static Rate of(String symbol, int day, String value) {
      Rate r = new Rate();
      r.symbol = symbol;
      r.day = day;
      r.value = new BigDecimal(value);
      r.sources = List.of("ecb", "fed");
      return r;
    }

    @DynamoDbPartitionKey
    public String getSymbol() { return symbol; }

    public void setSymbol(String v) { symbol = v; }

    @DynamoDbSortKey
    public int getDay() { return day; }

    public void setDay(int v) { day = v; }

    @DynamoDbAttribute("rate")
    public BigDecimal getValue() { return value; }

    public void setValue(BigDecimal v) { value = v; }

    public List<String> getSources() { return sources; }

    public void setSources(List<String> v) { sources = v; }

    @DynamoDbVersionAttribute
    public Long getVersion() { return version; }

    public void setVersion(Long v) { version = v; }
  }

  @BeforeAll
  static void create() {
    RATES.createTable();
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
