-- One row per person: where the last order went.
SELECT c.customer_unique_id AS customer,
       arg_max(c.customer_state, o.order_purchase_timestamp) AS state
FROM customers AS c
JOIN orders AS o USING (customer_id)
GROUP BY c.customer_unique_id
ORDER BY c.customer_unique_id
