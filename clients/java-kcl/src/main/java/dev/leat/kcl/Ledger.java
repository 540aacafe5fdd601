package dev.leat.kcl;

import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Keeps what an application has processed. A key's records are numbered from 1, so
 * that a number that is not the next one tells of a record lost or out of order.
 * A number seen before is a repetition: delivery is at least once.
 */
public final class Ledger {
  private final Map<String, Long> last = new ConcurrentHashMap<>();
  private final Map<String, AtomicLong> shards = new ConcurrentHashMap<>();
  private final Map<String, Boolean> ended = new ConcurrentHashMap<>();
  private final Collection<String> faults = new ConcurrentLinkedQueue<>();
  private final AtomicLong processed = new AtomicLong();
  private final AtomicLong repeated = new AtomicLong();

  void begun(String shard) {
    shards.putIfAbsent(shard, new AtomicLong());
  }

  void ended(String shard) {
    ended.put(shard, true);
  }

  /** Takes down record number n of a key. */
  void processed(String shard, String key, long n) {
    last.compute(key, (k, before) -> {
      long previous = before == null ? 0 : before;
      if (n <= previous) {
        repeated.incrementAndGet();
        return before;
      }
      if (n > previous + 1) {
        faults.add(key + ": " + n + " follows " + previous + " in " + shard);
      }
      processed.incrementAndGet();
      return n;
    });
    shards.computeIfAbsent(shard, s -> new AtomicLong()).incrementAndGet();
  }

  /** How many different records were processed. */
  public long processed() {
    return processed.get();
  }

  /** Places where a record is missing or came too early. */
  public Collection<String> faults() {
    return faults;
  }

  /** How many records each shard gave, repetitions included. */
  public Map<String, Long> shards() {
    Map<String, Long> counts = new TreeMap<>();
    shards.forEach((shard, n) -> counts.put(shard, n.get()));
    return counts;
  }

  /** Whether a shard was read to its end. */
  public boolean hasEnded(String shard) {
    return ended.containsKey(shard);
  }

  /** The last number of each key. */
  public Map<String, Long> last() {
    return new TreeMap<>(last);
  }

  public String summary(String title) {
    StringBuilder s = new StringBuilder(String.format("%s: %d records of %d keys processed, %d lost or out of order, %d repeated%n",
        title, processed(), last.size(), faults.size(), repeated.get()));
    shards().forEach((shard, n) -> s.append(String.format("  %s %7d %s%n", shard, n, hasEnded(shard) ? "ended" : "open")));
    return s.toString();
  }
}
