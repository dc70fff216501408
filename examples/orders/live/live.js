// Shows the orders, and what changes as it changes.

const table = document.getElementById("orders")
const state = document.getElementById("state")
const shown = new Map() // by the order's id: its row and version

function show(order) {
  const before = shown.get(order.id)
  if (before && before.version >= order.version) return // messages come twice, and overtake one another
  const row = document.createElement("tr")
  for (const text of [order.customer, order.total, order.status]) row.insertCell().textContent = text
  if (before) before.row.replaceWith(row)
  else table.prepend(row)
  shown.set(order.id, { row, version: order.version })
}

const changes = new EventSource("/realtime/topics/orders.changed?app=orders")
changes.onmessage = (message) => show(JSON.parse(message.data))
changes.onopen = async () => {
  state.textContent = "live"
  // The stream has what comes from now on, so nothing falls between it and what there is already.
  const answer = await fetch("/orders")
  for (const order of (await answer.json()).orders) show(order)
}
changes.onerror = () => {
  state.textContent = changes.readyState === EventSource.CLOSED ? "ended" : "connecting again"
}
