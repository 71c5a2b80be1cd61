-- One row per item sold. A customer has another customer_id with each order; customer_unique_id is the person.
-- Cells of CSV files are text, "no value" is NULL. Shipping is money the customer paid, too.
SELECT c.customer_unique_id AS customer,
       o.order_id,
       o.order_purchase_timestamp AS time,
       i.product_id AS product,
       i.price::DECIMAL(12, 2) + coalesce(i.freight_value::DECIMAL(12, 2), 0) AS amount
FROM orders AS o
JOIN items AS i USING (order_id)
JOIN customers AS c USING (customer_id)
WHERE o.order_status NOT IN ('canceled', 'unavailable')
