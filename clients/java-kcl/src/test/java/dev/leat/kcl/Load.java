package dev.leat.kcl;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ObjLongConsumer;
import java.util.stream.IntStream;

/** Writes numbered records of many keys, one round after the other, until it is closed. */
final class Load implements AutoCloseable {
  static final List<String> KEYS = IntStream.range(0, 100).mapToObj(i -> "key-" + i).toList();
  private static final long PAUSE_MILLIS = 10;

  private final Thread thread;
  private volatile boolean stopped;
  private volatile RuntimeException failure;
  private long rounds;

  /** @param put writes a record of each key with the round's number, and returns when all are written */
  Load(ObjLongConsumer<List<String>> put) {
    thread = new Thread(() -> {
      try {
        while (!stopped) {
          put.accept(KEYS, ++rounds);
          Thread.sleep(PAUSE_MILLIS);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } catch (RuntimeException e) {
        failure = e;
      }
    }, "load");
    thread.start();
  }

  /** Ends the load, and throws what ended it before, once. */
  @Override
  public void close() throws InterruptedException {
    stopped = true;
    thread.join();
    RuntimeException e = failure;
    failure = null;
    if (e != null) {
      throw e;
    }
  }

  /** The last number of each key, once closed. */
  Map<String, Long> last() {
    Map<String, Long> last = new TreeMap<>();
    KEYS.forEach(k -> last.put(k, rounds));
    return last;
  }
}
