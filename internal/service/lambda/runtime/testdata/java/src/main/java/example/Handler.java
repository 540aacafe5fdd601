package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.InputStream;
import java.net.URL;
import java.util.LinkedHashMap;
import java.util.Map;

public class Handler implements RequestHandler<Map<String, Object>, Object> {
    private int count;

    @Override
    public Object handleRequest(Map<String, Object> event, Context context) {
        count++;
        switch (String.valueOf(event.get("do"))) {
            case "echo":
                System.out.println("echo: " + event);
                context.getLogger().log("two\nlines");
                Map<String, Object> out = new LinkedHashMap<>();
                out.put("event", event);
                out.put("count", count);
                out.put("request", context.getAwsRequestId());
                out.put("function", context.getFunctionName());
                out.put("remaining", context.getRemainingTimeInMillis() > 0 && context.getRemainingTimeInMillis() <= 30000);
                return out;
            case "raise":
                throw new IllegalStateException("no such luck");
            case "sleep":
                try {
                    Thread.sleep((long) (1000 * ((Number) event.get("seconds")).doubleValue()));
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                return null;
            case "exit":
                System.exit(((Number) event.get("code")).intValue());
                return null;
            case "call":
                try (InputStream in = new URL(System.getenv("AWS_ENDPOINT_URL") + "/hello").openStream()) {
                    return new String(in.readAllBytes());
                } catch (Exception e) {
                    throw new RuntimeException(e);
                }
            default:
                return null;
        }
    }
}
