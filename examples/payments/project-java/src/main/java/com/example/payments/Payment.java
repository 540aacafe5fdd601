package com.example.payments;

import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbAttribute;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbBean;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbPartitionKey;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbSecondaryPartitionKey;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbSecondarySortKey;

/** A payment as the read API needs it: an item of the table. */
@DynamoDbBean
public class Payment {
  private static final String BY_ACCOUNT = "by-account";

  private String id;
  private String account;
  private String madeAt;
  private String payee;
  private String amount;
  private String currency;
  private String reference;
  private String shard;
  private String sequence;

  @DynamoDbPartitionKey
  public String getId() { return id; }

  public void setId(String id) { this.id = id; }

  @DynamoDbSecondaryPartitionKey(indexNames = BY_ACCOUNT)
  public String getAccount() { return account; }

  public void setAccount(String account) { this.account = account; }

  /** When it was made: a text of fixed width, so that texts sort as times do. */
  @DynamoDbSecondarySortKey(indexNames = BY_ACCOUNT)
  public String getMadeAt() { return madeAt; }

  public void setMadeAt(String madeAt) { this.madeAt = madeAt; }

  public String getPayee() { return payee; }

  public void setPayee(String payee) { this.payee = payee; }

  public String getAmount() { return amount; }

  public void setAmount(String amount) { this.amount = amount; }

  public String getCurrency() { return currency; }

  public void setCurrency(String currency) { this.currency = currency; }

  public String getReference() { return reference; }

  public void setReference(String reference) { this.reference = reference; }

  /** The shard of the message that the item shows. */
  @DynamoDbAttribute(PaymentTable.SHARD)
  public String getShard() { return shard; }

  public void setShard(String shard) { this.shard = shard; }

  /** The message's place in that shard. */
  @DynamoDbAttribute(PaymentTable.SEQUENCE)
  public String getSequence() { return sequence; }

  public void setSequence(String sequence) { this.sequence = sequence; }
}
