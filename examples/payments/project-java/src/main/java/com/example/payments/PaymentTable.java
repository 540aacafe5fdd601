package com.example.payments;

import software.amazon.awssdk.enhanced.dynamodb.DynamoDbEnhancedClient;
import software.amazon.awssdk.enhanced.dynamodb.DynamoDbTable;
import software.amazon.awssdk.enhanced.dynamodb.Expression;
import software.amazon.awssdk.enhanced.dynamodb.TableSchema;
import software.amazon.awssdk.enhanced.dynamodb.model.PutItemEnhancedRequest;
import software.amazon.awssdk.services.dynamodb.model.AttributeValue;
import software.amazon.awssdk.services.dynamodb.model.ConditionalCheckFailedException;

/**
 * The read model. Messages are delivered at least once, and after a failure old
 * ones again; a payment is nevertheless saved as if each came once and in order:
 * what an item shows is replaced only by what is newer.
 */
final class PaymentTable {
  static final String SHARD = "_shard";
  static final String SEQUENCE = "_sequence";

  private final DynamoDbTable<Payment> table;

  PaymentTable(DynamoDbEnhancedClient client, String name) {
    table = client.table(name, TableSchema.fromBean(Payment.class));
  }

  void save(Payment payment) {
    Expression newer = Expression.builder()
        .expression("attribute_not_exists(#q) OR #s <> :s OR #q < :q")
        .putExpressionName("#s", SHARD).putExpressionValue(":s", AttributeValue.fromS(payment.getShard()))
        .putExpressionName("#q", SEQUENCE).putExpressionValue(":q", AttributeValue.fromS(payment.getSequence()))
        .build();
    try {
      table.putItem(PutItemEnhancedRequest.builder(Payment.class).item(payment).conditionExpression(newer).build());
    } catch (ConditionalCheckFailedException e) {
      // Saved before.
    }
  }
}
